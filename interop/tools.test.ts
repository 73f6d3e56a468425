import { access } from "node:fs/promises";
import { join } from "node:path";
import { test } from "vitest";
import { isAbsent, type Tool } from "./clients/client.ts";
import { describeClient } from "./clients/describe-client.ts";
import { TOOLS } from "./clients/index.ts";
import { readInstalled } from "./install/cache.ts";
import { type ToolAtWork, VERBS, type VerbName } from "./scenarios/verbs.ts";
import { runSuccessfully } from "./stage/process.ts";
import { openStage, type Stage } from "./stage/stage.ts";

const LIMIT_MS = 60_000;

const installed = await readInstalled();

for (const tool of TOOLS) {
  describeClient(tool.name, installed, (folder) => {
    for (const name of Object.keys(VERBS) as VerbName[]) {
      if (isAbsent(tool.verbs[name])) continue;
      test(name, async () => {
        await using stage = await openStage(tool.host === undefined ? {} : { host: tool.host });
        const work = atWork(tool, await programIn(folder, tool.name), stage);
        if (name !== "login") {
          const parameters = { registry: stage.registry, username: stage.admin.username };
          await work.perform("login", parameters, stage.admin.password);
        }
        await VERBS[name](work);
      });
    }
  });
}

function atWork(tool: Tool, program: string, stage: Stage): ToolAtWork {
  return {
    stage,
    async perform(name, parameters, password) {
      const line = tool.verbs[name];
      if (isAbsent(line)) throw new Error(`${tool.name} has no ${name}: ${line.absent}`);
      const { stdout } = await runSuccessfully(
        [program, ...line(parameters)],
        {
          folder: stage.folder,
          environment: stage.environment,
          limitMs: LIMIT_MS,
          ...(password === undefined ? {} : { input: password }),
        },
        [stage.admin.password],
      );
      return stdout;
    },
  };
}

/** In the cache, or else on the path, where the system's package manager has put it. */
async function programIn(folder: string, name: string): Promise<string> {
  const program = join(folder, name);
  return access(program).then(
    () => program,
    () => name,
  );
}
