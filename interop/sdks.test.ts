import { test } from "vitest";
import { type Absent, isAbsent, type Sample, type Sdk } from "./clients/client.ts";
import { describeClient } from "./clients/describe-client.ts";
import { SDKS } from "./clients/index.ts";
import { readInstalled } from "./install/cache.ts";
import { JOBS, type Job, type JobName, type JobParameters } from "./scenarios/jobs.ts";
import { staticToken } from "./stage/credential.ts";
import { runSuccessfully } from "./stage/process.ts";
import { openStage } from "./stage/stage.ts";

/** Starting a JVM or an interpreter on two busy cores takes seconds. */
const LIMIT_MS = 60_000;

const installed = await readInstalled();

for (const sdk of SDKS) {
  describeClient(sdk.name, installed, (folder) => {
    for (const name of Object.keys(JOBS) as JobName[]) {
      if (!isAbsent(sdk.jobs[name])) test(name, () => runJob(sdk, folder, name));
    }
  });
}

async function runJob<Name extends JobName>(sdk: Sdk, installedIn: string, name: Name): Promise<void> {
  const sample: Sample<JobParameters[Name]> | Absent = sdk.jobs[name];
  if (isAbsent(sample)) return;
  const job: Job<JobParameters[Name]> = JOBS[name];
  const { anonymous = false } = job;
  await using stage = await openStage({ anonymousPull: anonymous });
  const endpoint = stage.emulator.endpoint;
  const credential = anonymous ? {} : await staticToken.environment(stage.emulator);
  const environment = {
    ...stage.environment,
    ...credential,
    CONTAINERREGISTRY_ENDPOINT: endpoint,
    CONTAINERREGISTRY_ANONREGISTRY_ENDPOINT: endpoint,
  };
  const run = async () => {
    let printed = "";
    for (const program of sample.programs) {
      const { folder, certificateFile } = stage;
      const command = await sdk.prepare(program, { installed: installedIn, folder, certificateFile });
      const options = { folder, environment, limitMs: LIMIT_MS };
      const { stdout, stderr } = await runSuccessfully(command, options, Object.values(credential));
      // Go's examples print to standard error what their `log` says.
      printed += stdout + stderr;
    }
    return printed;
  };
  await job.run({ stage, run }, sample);
}
