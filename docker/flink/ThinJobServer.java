import org.apache.beam.runners.flink.FlinkJobServerDriver;

/**
 * Beam's job server for Flink, for a cluster that has Beam's jars in its own lib folder: by itself the server uploads
 * its whole class path, 150 MB, with every job, so it is told that there is none.
 */
public final class ThinJobServer {
    private ThinJobServer() {}

    public static void main(String[] arguments) throws Exception {
        System.setProperty("java.class.path", "/no/such.jar");
        FlinkJobServerDriver.main(arguments);
    }
}
