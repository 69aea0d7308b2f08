"""DICOM files to headers and pixels: accepted, or refused with a reason."""
