import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";

/*
 * repository      name*  times  attributes
 * manifest        repository*  digest*  what /acr/v1 and referrers show  times  attributes  content
 * tag             repository*  name*  digest  times  attributes
 * blob_link       repository*  digest*  size          a link may come before the repository: blobs are pushed first
 * departed        repository*  kind*  name*  lastUpdateTime   where a deleted entry stood in the order by time
 */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS repository (
    name TEXT PRIMARY KEY, createdTime TEXT NOT NULL, lastUpdateTime TEXT NOT NULL,
    deleteEnabled INT NOT NULL, writeEnabled INT NOT NULL, readEnabled INT NOT NULL, listEnabled INT NOT NULL
  );
  CREATE TABLE IF NOT EXISTS manifest (
    repository TEXT NOT NULL, name TEXT NOT NULL, mediaType TEXT NOT NULL, size INT NOT NULL, imageSize INT NOT NULL,
    createdTime TEXT NOT NULL, lastUpdateTime TEXT NOT NULL, architecture TEXT, os TEXT, configMediaType TEXT,
    subject TEXT, artifactType TEXT, annotations TEXT, quarantineState TEXT, quarantineDetails TEXT,
    deleteEnabled INT NOT NULL, writeEnabled INT NOT NULL, readEnabled INT NOT NULL, listEnabled INT NOT NULL,
    content BLOB, PRIMARY KEY (repository, name)
  );
  CREATE INDEX IF NOT EXISTS manifest_by_time ON manifest (repository, lastUpdateTime, name);
  CREATE INDEX IF NOT EXISTS manifest_by_subject ON manifest (repository, subject) WHERE subject IS NOT NULL;
  CREATE TABLE IF NOT EXISTS tag (
    repository TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL,
    createdTime TEXT NOT NULL, lastUpdateTime TEXT NOT NULL,
    deleteEnabled INT NOT NULL, writeEnabled INT NOT NULL, readEnabled INT NOT NULL, listEnabled INT NOT NULL,
    PRIMARY KEY (repository, name)
  );
  CREATE INDEX IF NOT EXISTS tag_by_time ON tag (repository, lastUpdateTime, name);
  CREATE INDEX IF NOT EXISTS tag_by_digest ON tag (repository, digest, name);
  CREATE TABLE IF NOT EXISTS blob_link (
    repository TEXT NOT NULL, digest TEXT NOT NULL, size INT NOT NULL, PRIMARY KEY (repository, digest)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS blob_link_by_digest ON blob_link (digest);
  CREATE TABLE IF NOT EXISTS departed (
    repository TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, lastUpdateTime TEXT NOT NULL,
    departedAt INT NOT NULL DEFAULT (unixepoch()), PRIMARY KEY (repository, kind, name)
  ) WITHOUT ROWID;
  CREATE TRIGGER IF NOT EXISTS manifest_departs AFTER DELETE ON manifest BEGIN
    INSERT OR REPLACE INTO departed (repository, kind, name, lastUpdateTime)
    VALUES (OLD.repository, 'manifest', OLD.name, OLD.lastUpdateTime);
  END;
  CREATE TRIGGER IF NOT EXISTS tag_departs AFTER DELETE ON tag BEGIN
    INSERT OR REPLACE INTO departed (repository, kind, name, lastUpdateTime)
    VALUES (OLD.repository, 'tag', OLD.name, OLD.lastUpdateTime);
  END;
`;

/** Nobody reads a list that long. */
const DEPARTED_KEPT_SECONDS = 24 * 60 * 60;

export type Row = Readonly<Record<string, unknown>>;

/** A database whose statements are prepared once, by their text. */
export class Database {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #inTransaction = false;

  /**
   * Opens the file, or creates it. With `durable: false` nothing is synced to the disk, for folders that do not outlive
   * the process; either way a killed process loses nothing, since what it wrote is in the system's cache.
   *
   * @throws when another process has it open
   */
  constructor(path: string, { durable }: { durable: boolean }) {
    this.#database = new DatabaseSync(path);
    try {
      // Exclusive: a second emulator on the same folder must fail at once, and WAL needs no shared memory.
      this.#database.exec(`
        PRAGMA locking_mode = EXCLUSIVE;
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = ${durable ? "NORMAL" : "OFF"};
      `);
      this.#database.exec(SCHEMA);
      this.#database.exec(`DELETE FROM departed WHERE departedAt < unixepoch() - ${DEPARTED_KEPT_SECONDS}`);
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#prepare(sql).run(...values).changes);
  }

  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#prepare(sql).get(...values) as Row | undefined;
  }

  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepare(sql).all(...values) as Row[];
  }

  /** Nested calls join the outer transaction. */
  transaction<T>(work: () => T): T {
    if (this.#inTransaction) return work();
    this.#database.exec("BEGIN");
    this.#inTransaction = true;
    try {
      const result = work();
      this.#database.exec("COMMIT");
      return result;
    } catch (error) {
      this.#database.exec("ROLLBACK");
      throw error;
    } finally {
      this.#inTransaction = false;
    }
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}
