export { type Action, ALL_ACTIONS } from "./auth/actions.ts";
export type { EmulatorCredential } from "./auth/entra.ts";
export type { RegistryAccess } from "./auth/registry-access.ts";
export type { Principal } from "./auth/role-assignments.ts";
export {
  type PermissionOptions,
  ROLES,
  type RoleAssignment,
  type RoleAssignmentMode,
  type RoleName,
} from "./auth/roles.ts";
export { BUILT_IN_SCOPE_MAPS, type ScopeMap, type ScopeMapAction } from "./auth/scope-maps.ts";
export type { AdminUser, RepositoryTokenOptions } from "./auth/users.ts";
export type { Clock } from "./clock.ts";
export { type CloseOptions, type EmulatedRegistry, type Emulator, startEmulator } from "./emulator.ts";
export type {
  EmulatedEntra,
  EntraApplication,
  EntraApplicationOptions,
  EntraEnvironment,
} from "./entra/emulated-entra.ts";
export type {
  Amount,
  Fault,
  FaultKind,
  FaultMatcher,
  FaultRule,
  FaultScript,
} from "./faults/fault.ts";
export { Faults, type FaultsOptions, type FiredFault } from "./faults/faults.ts";
export { ConnectionCut, type Interceptor } from "./faults/interceptors.ts";
export type { ExportedLayout, ExportLayoutOptions } from "./layout/export-layout.ts";
export type { ImportedLayout, ImportLayoutOptions } from "./layout/import-layout.ts";
export type { EmulatorOptions, RegistryOptions } from "./options.ts";
export { jsonAnswer } from "./protocol/answers.ts";
export type { EmulatorRequest, EmulatorResponse, Handler, HeaderLine, Origin } from "./protocol/message.ts";
export { headerOf } from "./protocol/message.ts";
export type { RequestLogEntry } from "./request-log/entry.ts";
export type { RequestLog } from "./request-log/request-log.ts";
export type { RequestFilter, RequestSelection } from "./request-log/selection.ts";
export { DataFolderError, type DataFolderProblem, DiskFullError, QuotaExceededError } from "./storage/errors.ts";
export type { GarbageCollected, GarbageOptions } from "./storage/garbage.ts";
export type { Usage } from "./storage/quota.ts";
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
