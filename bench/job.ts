import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Runs one job in a fresh process: `script` is sent the job, sends back what it measured, and is ended. */
export function runJob<Job extends object, T>(script: URL, job: Job): Promise<T> {
  const child = fork(fileURLToPath(script), { env: { ...process.env, NODE_NO_WARNINGS: "1" } });
  return new Promise((resolve, reject) => {
    child.once("message", (measured) => {
      // Node can hang at its own exit while it collects garbage; what is needed of the process is here.
      child.kill("SIGKILL");
      resolve(measured as T);
    });
    // The job holds a token, so it is not shown; why it ended stands above, in what the process has printed.
    child.once("exit", (code) =>
      reject(new Error(`the process of ${script.pathname.split("/").at(-1)} ended with ${code}`)),
    );
    child.send(job);
  });
}
