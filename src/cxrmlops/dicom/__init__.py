"""The DICOM edge, in and out. The only package that imports DICOM libraries."""
