"""What every model card says, whatever the model: care, updates, privacy, gaps."""

INPUTS = {
    "inputs": "adult chest radiographs, CR or DX, PA or AP, for presentation; DICOM, "
    "or PNG and JPEG for evaluation",
    "turned away": "lateral views, children, other parts of the body, films for "
    "processing, blank, inverted or undecodable ones; each with its reason",
}
CARE = {
    "limits": {
        "labels": "a report is not the truth about a patient; 'no significant finding' "
        "is a policy, not a diagnosis",
        "shortcuts": "posture, habitus and exposure alone reach the thumbnail's AUC; "
        "view, vendor and portable films may carry more of the label than of disease",
        "heat map": "shows where the network found evidence; it is no localiser and no "
        "proof",
        "other places": "another hospital, year or reporting style may differ by more "
        "than the intervals, which show sampling error only",
    },
    "oversight": {
        "human oversight": "every answer is unverified and preliminary until a "
        "radiologist has read the study; an answer NSF rules nothing out",
        "warnings": "a worklist sorted by the score puts what it misses last: keep the "
        "longest wait bounded (report.max_wait_hours) and the audit sample "
        "(report.audit_fraction) on",
        "watched": "answers, rejections and failures of every night are counted in "
        "the ledger; headers, grey values, embedding, scores and rejects are compared "
        "with val, answers with the reports that arrive (cxrmlops watch)",
        "alarm limits": "params.yaml: watch; at most a share false_alarms of undrifted "
        "nights, and realised figures whose whole interval lies below min_auc or "
        "min_recall",
    },
}
UPDATES = {
    "what may change": "weights, temperature and operating points, by training again; "
    "a moved threshold is a new version with a new hash",
    "protocol": "cohort, validation, split by patient, training, one reading of test, "
    "gates with bounds written before (params.yaml), approval by a named person",
    "impact": "gates and figures of old and new stand side by side in MLflow",
    "rollback": "cxrmlops roll-back puts the version before back in use; the history "
    "is append-only and sealed",
}
AT_NIGHT = {
    "privacy": "the bundle, MLflow and logs hold no patient's identifier: keyed "
    "pseudonyms only; results for the PACS keep identity, by their nature",
    "security": "safetensors and JSON, no pickle; every byte is hashed and checked "
    "before use; servers bind to loopback",
    "DICOM objects written": "Comprehensive 3D SR (1.2.840.10008.5.1.4.1.1.88.34) or "
    "Comprehensive SR (1.2.840.10008.5.1.4.1.1.88.33), template 1500; Secondary "
    "Capture (1.2.840.10008.5.1.4.1.1.7); unverified, preliminary",
    "UIDs": "2.25, derived from source UIDs and model hash: the same study and model "
    "give the same UID",
    "FHIR": "Device, Observation, DiagnosticReport (R4), preliminary",
}
GAPS = {  # section -> what is asked for -> why it is not here
    "Model": {
        "date": "two equal rebuilds would differ; the registry keeps it",
        "owner and contact": "to be named by the site that trains it",
        "licence": "to be named by the site that trains it",
    },
    "Training data": {
        "agreement between readers": "one report per study is known",
        "ethics approval, licence of the data": "the site's to state",
    },
}
