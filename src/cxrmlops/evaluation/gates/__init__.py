"""Pass, refuse or not assessed, by the unfavourable confidence bound."""
