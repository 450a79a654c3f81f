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
 *   audit: { file: { path: "audit.log.jsonl", maxBytes: 50 * 1024 * 1024, backups: 5 } },
 *   application: { console: { level: "Info" } }
 * })
 */
import type { FileSystem } from "@effect/platform"
import { Config, ConfigError, Effect, Either, Layer, Option } from "effect"
import * as AppLog from "./AppLog.js"
import type { Level } from "./AuditEvent.js"
import * as AuditSink from "./AuditSink.js"
import * as FileSink from "./AuditSink/File.js"
import { count, text } from "./internal/config.js"
import { levels } from "./internal/level.js"

/**
 * Where one log goes: to a file, to the console, to both, or nowhere.
 *
 * @category models
 */
export interface Destinations {
  readonly file?: (FileSink.Options & { readonly level?: Level | undefined }) | undefined
  readonly console?: { readonly level?: Level | undefined } | undefined
}

/**
 * @category models
 */
export interface Options {
  /** The `source` of the application log's lines. That of the audit log is an option of `Registrar.serve`. */
  readonly source?: string | undefined
  readonly audit?: Destinations | undefined
  readonly application?: Destinations | undefined
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

/** As in code, on the wire, or on Effect's console: `Warning`, `WARNING`, `WARN`. */
const level = (key: string): Config.Config<Level> =>
  Config.mapOrFail(Config.string(key), (given) =>
    Either.fromNullable(levelByName[given.toUpperCase()], () =>
      ConfigError.InvalidData([], `Expected one of ${levels.join(", ")} but received ${JSON.stringify(given)}`)
    )
  )

const orUndefined = <A>(config: Config.Config<A>) => Config.map(Config.option(config), Option.getOrUndefined)

const destinations = (log: string): Config.Config<Destinations> =>
  Config.all({
    path: orUndefined(text(`${log}_FILE_PATH`)),
    level: orUndefined(level(`${log}_FILE_LEVEL`)),
    maxBytes: orUndefined(count(`${log}_FILE_MAX_BYTES`)),
    backups: orUndefined(count(`${log}_FILE_BACKUPS`)),
    consoleLevel: orUndefined(level(`${log}_CONSOLE_LEVEL`))
  }).pipe(
    Config.mapOrFail(({ path, consoleLevel, ...file }): Either.Either<Destinations, ConfigError.ConfigError> => {
      const console = consoleLevel === undefined ? undefined : { level: consoleLevel }
      if (path !== undefined) return Either.right({ file: { path, ...file }, console })
      return Object.values(file).every((value) => value === undefined)
        ? Either.right({ console })
        : Either.left(
            ConfigError.InvalidData([`${log}_FILE_PATH`], "Expected a path, since other settings of the file are given")
          )
    })
  )

/**
 * What `layerConfig` reads. The keys of the audit log are `AUDIT_FILE_PATH`, `AUDIT_FILE_LEVEL`, `AUDIT_FILE_MAX_BYTES`,
 * `AUDIT_FILE_BACKUPS` and `AUDIT_CONSOLE_LEVEL`, those of the application log begin with `APPLICATION`, and `LOG_SOURCE` is
 * the name of the application. A log goes to the file if its path is given, and to the console if its level is.
 *
 * @category config
 */
export const config: Config.Config<Options> = Config.all({
  source: orUndefined(text("LOG_SOURCE")),
  audit: destinations("AUDIT"),
  application: destinations("APPLICATION")
}).pipe(
  Config.mapOrFail((options) => {
    const { audit, application } = options
    return audit.file !== undefined && audit.file.path === application.file?.path
      ? Either.left(ConfigError.InvalidData(["APPLICATION_FILE_PATH"], "Expected another file than AUDIT_FILE_PATH"))
      : Either.right(options)
  })
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
