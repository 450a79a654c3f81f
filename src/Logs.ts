/**
 * Both logs as an application is deployed with them: which sinks, where, from which level on; from code or from `Config`.
 *
 * @example
 * import { Logs } from "effect-registrar"
 *
 * // AUDIT_FILE_PATH, AUDIT_FILE_LEVEL, AUDIT_CONSOLE_LEVEL, APPLICATION_FILE_PATH, … LOG_SOURCE
 * const fromEnvironment = Logs.layerConfig()
 *
 * const fromCode = Logs.layer({
 *   source: "configuration-server",
 *   audit: { file: { path: "audit.log.jsonl", rotateEvery: "1 day", keep: { for: "365 days" }, compress: true } },
 *   application: { console: { level: "Info" } }
 * })
 */
import type { FileSystem } from "@effect/platform"
import { Array as Arr, Config, ConfigError, Duration, Effect, Either, Layer, Option, Redacted } from "effect"
import * as AppLog from "./AppLog.js"
import * as AuditChain from "./AuditChain.js"
import type { Level } from "./AuditEvent.js"
import * as AuditSink from "./AuditSink.js"
import * as FileSink from "./AuditSink/File.js"
import { count, text } from "./internal/config.js"
import { levels } from "./internal/level.js"
import { signals } from "./internal/logFile.js"

/**
 * Where one log goes: to a file, to the console, to both, or nowhere.
 *
 * @category models
 */
export interface Destinations<File = FileSink.Options> {
  readonly file?: (File & { readonly level?: Level | undefined }) | undefined
  readonly console?: { readonly level?: Level | undefined } | undefined
}

/**
 * @category models
 */
export interface Options {
  /** The `source` of the application log's lines. That of the audit log is an option of `Registrar.serve`. */
  readonly source?: string | undefined
  readonly audit?: Destinations | undefined
  readonly application?: Destinations<Omit<AppLog.FileOptions, "source" | "level">> | undefined
}

/**
 * The audit sink, and the application log in place of Effect's default logger. Files are opened before anything else starts.
 *
 * @category layers
 */
export const layer = (
  options: Options
): Layer.Layer<AuditSink.AuditSink, AuditSink.AuditSinkError | AppLog.AppLogError, FileSystem.FileSystem> => {
  const { source, audit = {}, application = {} } = options
  const sinks = [
    ...(audit.file === undefined
      ? []
      : [FileSink.layer(audit.file).pipe(AuditSink.filter(audit.file.level ?? "Debug"))]),
    ...(audit.console === undefined ? [] : [AuditSink.console.pipe(AuditSink.filter(audit.console.level ?? "Debug"))])
  ]
  const loggers = [
    ...(application.file === undefined ? [] : [AppLog.layerFile({ source, ...application.file })]),
    ...(application.console === undefined ? [] : [AppLog.layerConsole({ source, ...application.console })])
  ]
  return Layer.mergeAll(AuditSink.combine(...sinks), sinks.length === 0 ? nowhere : Layer.empty, ...loggers)
}

const nowhere = Layer.effectDiscard(
  Effect.logWarning(
    "The audit log has no destination (AUDIT_FILE_PATH, AUDIT_CONSOLE_LEVEL): its records are thrown away"
  )
)

const levelByName: Readonly<Record<string, Level>> = {
  DEBUG: "Debug",
  INFO: "Info",
  WARN: "Warning",
  WARNING: "Warning",
  ERROR: "Error",
  FATAL: "Fatal",
  CRITICAL: "Fatal"
}

const parsed = <A>(key: string, expected: string, parse: (text: string) => A | undefined): Config.Config<A> =>
  Config.mapOrFail(Config.string(key), (given) =>
    Either.fromNullable(parse(given), () =>
      ConfigError.InvalidData([], `Expected ${expected} but received ${JSON.stringify(given)}`)
    )
  )

/** As in code, on the wire, or on Effect's console: `Warning`, `WARNING`, `WARN`. */
const level = (key: string) => parsed(key, `one of ${levels.join(", ")}`, (text) => levelByName[text.toUpperCase()])

const positive = (key: string) =>
  parsed(key, "a whole number above 0", (text) => (/^0*[1-9]\d{0,14}$/.test(text) ? Number(text) : undefined))

const duration = (key: string) =>
  parsed(key, 'a duration such as "1 day"', (text) =>
    Duration.decodeUnknown(text).pipe(
      Option.filter((duration) => Duration.isFinite(duration) && Duration.toMillis(duration) > 0),
      Option.getOrUndefined
    )
  )

/** Those that a program may use as it likes. */
const signal = (key: string) =>
  parsed(key, `one of ${signals.join(", ")}`, (text) => signals.find((signal) => signal === text))

const orUndefined = <A>(config: Config.Config<A>) => Config.map(Config.option(config), Option.getOrUndefined)

const isGiven = (settings: object): boolean => Object.values(settings).some((value) => value !== undefined)

const whereGiven = <A extends object>(settings: A): A | undefined => (isGiven(settings) ? settings : undefined)

/** Settings that mean nothing without the one of this key. */
const demand = (key: string, what: string, why: string) =>
  Either.left(ConfigError.InvalidData([key], `Expected ${what}, since ${why} given`))

const consoleOf = (log: string) =>
  Config.map(orUndefined(level(`${log}_CONSOLE_LEVEL`)), (level) => (level === undefined ? undefined : { level }))

const keepOf = (log: string) =>
  Config.all({
    files: orUndefined(count(`${log}_FILE_KEEP_FILES`)),
    bytes: orUndefined(positive(`${log}_FILE_KEEP_BYTES`)),
    for: orUndefined(duration(`${log}_FILE_KEEP_FOR`))
  }).pipe(Config.map(whereGiven))

const fileOf = (log: string) =>
  Config.all({
    level: orUndefined(level(`${log}_FILE_LEVEL`)),
    maxBytes: orUndefined(positive(`${log}_FILE_MAX_BYTES`)),
    rotateEvery: orUndefined(duration(`${log}_FILE_ROTATE_EVERY`)),
    keep: keepOf(log),
    compress: orUndefined(Config.boolean(`${log}_FILE_COMPRESS`)),
    reopenOn: orUndefined(signal(`${log}_FILE_REOPEN_ON`))
  })

const sealKey = Config.mapOrFail(Config.string("AUDIT_SEAL_KEY"), (given) => {
  // An environment variable is one line as a rule.
  const pem = Redacted.make(given.replaceAll("\\n", "\n"))
  return Either.mapBoth(AuditChain.signingKey(pem), {
    onLeft: ({ message }) => ConfigError.InvalidData([], message),
    onRight: () => pem
  })
})

const paths = (key: string) =>
  parsed(key, "paths with commas in between", (text) => {
    const paths = text.split(",").map((path) => path.trim())
    return paths.includes("") ? undefined : paths
  })

const seals: Config.Config<FileSink.Seals | undefined> = Config.all({
  key: orUndefined(sealKey),
  files: orUndefined(paths("AUDIT_SEAL_KEY_FILES")),
  everyRecords: orUndefined(positive("AUDIT_SEAL_RECORDS")),
  every: orUndefined(duration("AUDIT_SEAL_EVERY")),
  path: orUndefined(text("AUDIT_SEALS_PATH"))
}).pipe(
  Config.mapOrFail((given) => {
    if (!isGiven(given)) return Either.right(undefined)
    const { every, everyRecords, files = [], key, path } = given
    const keys = [...Arr.fromNullable(key), ...files.map((file) => ({ file }))]
    if (!Arr.isNonEmptyArray(keys))
      return demand("AUDIT_SEAL_KEY", "a key, here or in AUDIT_SEAL_KEY_FILES", "other settings of the seals are")
    return Either.right({ keys, every, everyRecords, to: path === undefined ? undefined : FileSink.layer({ path }) })
  })
)

const auditFile = Config.all({
  file: fileOf("AUDIT"),
  chain: orUndefined(Config.boolean("AUDIT_CHAIN")),
  seals
}).pipe(
  Config.mapOrFail(({ chain, file, seals }) =>
    chain === false && seals !== undefined
      ? demand("AUDIT_CHAIN", "true", "settings of the seals are")
      : Either.right({ ...file, chain, seals })
  )
)

const destinations = <File extends object>(
  log: string,
  file: Config.Config<File>
): Config.Config<Destinations<File & { readonly path: string }>> =>
  Config.all({ path: orUndefined(text(`${log}_FILE_PATH`)), file, console: consoleOf(log) }).pipe(
    Config.mapOrFail(({ console, file, path }) => {
      if (path !== undefined) return Either.right({ file: { path, ...file }, console })
      return isGiven(file)
        ? demand(`${log}_FILE_PATH`, "a path", "other settings of the file are")
        : Either.right({ console })
    })
  )

/** Two logs in one file would spoil each other. */
const differing = (paths: Readonly<Record<string, string | undefined>>) => {
  const given = Object.entries(paths).filter(([, path]) => path !== undefined)
  for (const [index, [key, path]] of given.entries()) {
    const [other] = given.slice(0, index).find(([, before]) => before === path) ?? []
    if (other !== undefined) return Either.left(ConfigError.InvalidData([key], `Expected another file than ${other}`))
  }
  return Either.void
}

/**
 * What `layerConfig` reads. A log goes to the file if its path is given, and to the console if its level is.
 *
 * - `LOG_SOURCE`: the name of the application.
 * - `AUDIT_FILE_PATH`, `_LEVEL`, `_MAX_BYTES`, `_ROTATE_EVERY`, `_KEEP_FILES`, `_KEEP_BYTES`, `_KEEP_FOR`, `_COMPRESS`,
 *   `_REOPEN_ON`, and `AUDIT_CONSOLE_LEVEL`; the same with `APPLICATION` for the application log.
 * - `AUDIT_CHAIN`, `AUDIT_SEAL_KEY`, `AUDIT_SEAL_KEY_FILES`, `AUDIT_SEAL_RECORDS`, `AUDIT_SEAL_EVERY`, `AUDIT_SEALS_PATH`.
 *
 * @category config
 */
export const config: Config.Config<Options> = Config.all({
  source: orUndefined(text("LOG_SOURCE")),
  audit: destinations("AUDIT", auditFile),
  application: destinations("APPLICATION", fileOf("APPLICATION")),
  sealsPath: orUndefined(text("AUDIT_SEALS_PATH"))
}).pipe(
  Config.mapOrFail(({ application, audit, sealsPath, source }) =>
    Either.map(
      differing({
        AUDIT_FILE_PATH: audit.file?.path,
        APPLICATION_FILE_PATH: application.file?.path,
        AUDIT_SEALS_PATH: sealsPath
      }),
      () => ({ source, audit, application })
    )
  )
)

/**
 * The same from `Config`. A value that is wrong is a `ConfigError` that names its key, before any file is opened.
 *
 * @category layers
 */
export const layerConfig = (
  options: Config.Config<Options> = config
): Layer.Layer<
  AuditSink.AuditSink,
  ConfigError.ConfigError | AuditSink.AuditSinkError | AppLog.AppLogError,
  FileSystem.FileSystem
> => Layer.unwrapEffect(Effect.map(options, layer))
