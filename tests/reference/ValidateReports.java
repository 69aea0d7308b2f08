import com.pixelmed.validate.DicomSRValidator;

/** Validates many structured reports in one virtual machine: starting one takes long. */
public class ValidateReports {
    public static void main(String[] files) throws Exception {
        DicomSRValidator validator = new DicomSRValidator();
        for (String file : files) {
            System.out.println("File " + file);
            System.out.println(validator.validate(file));
        }
    }
}
