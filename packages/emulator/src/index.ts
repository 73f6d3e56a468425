export { type Action, ALL_ACTIONS } from "./auth/actions.ts";
export type { AdminUser } from "./auth/authenticator.ts";
export type { EmulatorCredential } from "./auth/entra.ts";
export type { Clock } from "./clock.ts";
export { type Emulator, startEmulator } from "./emulator.ts";
export { ConnectionCut, type Interceptor } from "./faults/interceptors.ts";
export type { EmulatorOptions } from "./options.ts";
export { jsonAnswer } from "./protocol/answers.ts";
export type { EmulatorRequest, EmulatorResponse, Handler, HeaderLine, Origin } from "./protocol/message.ts";
export { headerOf } from "./protocol/message.ts";
export type { RequestLog, RequestLogEntry } from "./request-log.ts";
export {
  type Attributes,
  type ListQuery,
  type ManifestRecord,
  OPEN,
  type Order,
  type RepositoryRecord,
  type RepositorySummary,
  type TagRecord,
  type Timestamp,
} from "./storage/records.ts";
export type {
  BlobStore,
  ManifestStore,
  RepositoryStore,
  Store,
  TagStore,
  UploadSession,
  UploadStore,
} from "./storage/store.ts";
