import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

import org.elasticsearch.Build;
import org.elasticsearch.bootstrap.BootstrapInfo;
import org.elasticsearch.client.internal.node.NodeClient;
import org.elasticsearch.cluster.service.ClusterService;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.index.IndexVersion;
import org.elasticsearch.monitor.jvm.HotThreads;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginBundle;
import org.elasticsearch.plugins.PluginsLoader;
import org.elasticsearch.rest.RestChannel;
import org.elasticsearch.rest.RestController;
import org.elasticsearch.rest.RestHandler;
import org.elasticsearch.rest.RestRequest;
import org.elasticsearch.rest.RestResponse;
import org.elasticsearch.rest.RestStatus;
import org.elasticsearch.xcontent.XContentBuilder;

/**
 * Runs one Elasticsearch node for tests until it is killed: {@code LocalNode HOME setting=value ...}.
 *
 * <p>A distribution starts its node behind checks that a test has no use for (user, memory locks, system call
 * filters); this starts the same node without them. The line READY tells that it answers.
 */
public final class LocalNode {
    public static void main(String[] arguments) {
        // Logging takes both streams over, so they are kept from before.
        PrintStream out = System.out;
        PrintStream err = System.err;
        try {
            start(Path.of(arguments[0]), List.of(arguments).subList(1, arguments.length));
            out.println("READY " + Build.current().version());
            Thread.sleep(Long.MAX_VALUE);
        } catch (Throwable failure) {
            failure.printStackTrace(err);
            Runtime.getRuntime().halt(1);
        }
    }

    private static void start(Path home, List<String> assignments) throws Exception {
        Settings.Builder chosen = Settings.builder().put("path.home", home.toString());
        for (String assignment : assignments) {
            String[] sides = assignment.split("=", 2);
            chosen.put(sides[0], sides[1]);
        }
        Environment environment = new Environment(chosen.build(), home.resolve("config"));
        LogConfigurator.registerErrorListener();
        BootstrapInfo.init();
        LogConfigurator.configure(environment, true);
        HotThreads.initializeRuntimeMonitoring();
        Set<PluginBundle> modules = modules(environment.modulesDir());
        Node node = new Node(environment, PluginsLoader.createPluginsLoader(modules, Set.of(), Map.of()));
        node.injector().getInstance(RestController.class).registerHandler(new Greeting(node));
        node.start();
    }

    /** The modules of the home. The method takes a second argument, whether the node is stateless, in newer versions. */
    @SuppressWarnings("unchecked")
    private static Set<PluginBundle> modules(Path folder) throws Exception {
        for (Method method : PluginsLoader.class.getMethods()) {
            if (method.getName().equals("loadModulesBundles")) {
                List<Object> values = new ArrayList<>(List.of(folder));
                while (values.size() < method.getParameterCount()) {
                    values.add(Boolean.FALSE);
                }
                try {
                    return (Set<PluginBundle>) method.invoke(null, values.toArray());
                } catch (InvocationTargetException failure) {
                    throw new IllegalStateException("modules in " + folder, failure.getCause());
                }
            }
        }
        throw new IllegalStateException("this version loads its modules in another way");
    }

    /** Answers at the root as a distribution does: clients look there for what they talk to. */
    private static final class Greeting implements RestHandler {
        private final Node node;

        Greeting(Node node) {
            this.node = node;
        }

        @Override
        public List<Route> routes() {
            return List.of(new Route(RestRequest.Method.GET, "/"), new Route(RestRequest.Method.HEAD, "/"));
        }

        @Override
        public void handleRequest(RestRequest request, RestChannel channel, NodeClient client) throws Exception {
            String uuid = node.injector().getInstance(ClusterService.class).state().metadata().clusterUUID();
            XContentBuilder body = channel.newBuilder().startObject();
            body.field("name", "local").field("cluster_name", "local").field("cluster_uuid", uuid);
            body.startObject("version")
                .field("number", Build.current().version())
                .field("build_flavor", "default")
                .field("lucene_version", IndexVersion.current().luceneVersion().toString())
                .endObject();
            body.field("tagline", "You Know, for Search").endObject();
            channel.sendResponse(new RestResponse(RestStatus.OK, body));
        }
    }
}
