"""Images from and results to an archive, over DICOMweb and DIMSE."""
