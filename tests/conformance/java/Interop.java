import io.grpc.testing.integration.TestServiceClient;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.Method;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/**
 * Runs interop cases of grpc-java, many in one Java process.
 *
 * <p>Reads lines of "PORT TRANSPORT CASE" from the standard input. TRANSPORT is netty or okhttp. For each it prints "ok", or
 * "failed" and the reason, in one line. The client of the interop tests has only a main method that ends the process, so its
 * steps are called by reflection.
 */
public final class Interop {
  private static final long HANGS_S = 60;

  public static void main(String[] args) throws Exception {
    PrintStream out = System.out;
    // The client of the tests prints its progress.
    System.setOut(System.err);
    ExecutorService runner = Executors.newCachedThreadPool(work -> {
      Thread thread = new Thread(work);
      thread.setDaemon(true);
      return thread;
    });
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      String[] wanted = line.trim().split(" ");
      Future<?> done = runner.submit(() -> {
        run(wanted[0], wanted[1], wanted[2]);
        return null;
      });
      try {
        done.get(HANGS_S, TimeUnit.SECONDS);
        out.println("ok");
      } catch (Exception failure) {
        done.cancel(true);
        out.println("failed " + reason(failure));
      }
      out.flush();
    }
  }

  private static void run(String port, String transport, String wanted) throws Exception {
    TestServiceClient client = new TestServiceClient();
    String[] options = {
      "--server_host=127.0.0.1",
      "--server_port=" + port,
      "--use_tls=false",
      "--use_okhttp=" + transport.equals("okhttp"),
      "--test_case=" + wanted,
    };
    call(client, "parseArgs", new Class<?>[] {String[].class}, new Object[] {options});
    call(client, "setUp", new Class<?>[0]);
    try {
      call(client, "run", new Class<?>[0]);
    } finally {
      call(client, "tearDown", new Class<?>[0]);
    }
  }

  private static void call(TestServiceClient client, String name, Class<?>[] types, Object... values) throws Exception {
    Method step = TestServiceClient.class.getDeclaredMethod(name, types);
    step.setAccessible(true);
    step.invoke(client, values);
  }

  /** The innermost cause, in one line. */
  private static String reason(Throwable failure) {
    while (failure.getCause() != null) {
      failure = failure.getCause();
    }
    return failure.toString().replaceAll("\\s+", " ");
  }
}
