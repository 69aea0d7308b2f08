"""What a model is for, and what it is not for: the same words on every page."""

SCOPE = {
    "use": "sorting a backlog of adult chest radiographs by how likely a significant "
    "finding is, and as a second look; never alone.",
    "users": "radiologists and the people who evaluate the model.",
    "out_of_scope": "children, lateral views, other parts of the body, other "
    "modalities, naming or locating a disease, and any diagnosis or "
    "treatment.",
    "contraindications": "films of a kind that the tables of groups call not assessed; "
    "a site whose reports follow another policy of what is significant, until the "
    "model was evaluated there.",
}
NOT_A_DEVICE = (
    "Not a medical device; investigational. Research and evaluation only. The answers "
    "are not to be used for the diagnosis or treatment of a patient."
)
