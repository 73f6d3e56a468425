import { jsonAnswer } from "./answers.ts";
import type { Call, OperationHandler } from "./call.ts";
import { readPageQuery, takePage } from "./paging.ts";
import { API_CHECK_BODY } from "./unseen.ts";

/** 4.1 `GET /v2/` */
export const checkApi: OperationHandler = () => jsonAnswer(200, API_CHECK_BODY);

/** 3.1 `GET /acr/v1/_catalog` */
export const listRepositories: OperationHandler = (call) => catalogPage(call, "/acr/v1/_catalog");

/** 4.6 `GET /v2/_catalog` */
export const listRepositoriesV2: OperationHandler = (call) => catalogPage(call, "/v2/_catalog");

function catalogPage({ request, store }: Call, path: string) {
  const { entries, headers } = takePage(
    readPageQuery(request.query),
    path,
    (query) => store.repositories.list(query),
    (name) => name,
  );
  return jsonAnswer(200, { repositories: entries }, headers);
}
