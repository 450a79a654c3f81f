/**
 * The application log: Effect's own logger, written as JSON lines.
 *
 * `Effect.log*` stays what is called. A line is `{"level","date","message","source","module","errorType","errorInfo"}`, and
 * `annotations` and `spans` where there are any; `module` comes from the annotation of that name. Each Layer adds one
 * destination with a level of its own. The console destination takes the place of Effect's own console loggers; a file stands
 * beside them, so that people read the console and programs the file.
 *
 * @example
 * import { AppLog } from "effect-registrar"
 * import { Effect, Layer } from "effect"
 *
 * const logs = Layer.merge(
 *   AppLog.layerFile({ path: "application.log.jsonl", level: "Debug" }),
 *   AppLog.layerConsole({ level: "Warning" })
 * )
 *
 * const program = Effect.logInfo("started").pipe(Effect.annotateLogs("module", "main"), Effect.provide(logs))
 */
import type { FileSystem } from "@effect/platform"
import {
  Array as Arr,
  Cause,
  Console,
  Data,
  Effect,
  FiberRef,
  HashMap,
  Layer,
  List,
  Logger,
  LogLevel,
  Option,
  Schema
} from "effect"
import type { Scope } from "effect"
import { toJson, type Json } from "./internal/json.js"
import { stringify, toText } from "./internal/jsonText.js"
import { toWire, wireLevels, type Level } from "./internal/level.js"
import { infoOf, safely, typeOf } from "./internal/cause.js"
import * as LogFile from "./internal/logFile.js"
import * as Writer from "./internal/writer.js"

/**
 * What a line holds, in this order. `date` is UTC with milliseconds and `Z`. `errorType` is the tag or class of the error, and
 * `errorInfo` the error with its trace.
 *
 * @category schemas
 */
export const Line = Schema.Struct({
  level: Schema.Literal(...wireLevels),
  date: Schema.String,
  message: Schema.String,
  source: Schema.String,
  module: Schema.String,
  errorType: Schema.NullOr(Schema.String),
  errorInfo: Schema.NullOr(Schema.String),
  annotations: Schema.optionalWith(Schema.Record({ key: Schema.String, value: Schema.Unknown }), { exact: true }),
  spans: Schema.optionalWith(Schema.Record({ key: Schema.String, value: Schema.Number }), { exact: true })
})

/**
 * @category models
 */
export type Line = typeof Line.Type

/**
 * @category models
 */
export interface Options {
  /** The `source` of every line: the name of the application. Default: `"app"`. */
  readonly source?: string | undefined
  /** Lines below are left out. Default: `"Info"`. A lower level than the minimum in force lowers that minimum. */
  readonly level?: "Trace" | Level | undefined
}

/**
 * @category models
 */
export interface FileOptions extends Options, LogFile.Options {}

/**
 * The file cannot be opened.
 *
 * @category errors
 */
export class AppLogError extends Data.TaggedError("AppLogError")<{
  readonly path: string
  readonly description: string
  readonly cause?: unknown
}> {
  override get message() {
    return `The application log '${this.path}' cannot be opened: ${this.description}`
  }
}

/** The line for what a logger is given. */
const toLine = (options: Logger.Logger.Options<unknown>, source: string): Line => {
  const { annotations, cause, date, logLevel, message, spans } = options
  const parts = Arr.ensure(message)
  const error = Cause.isEmpty(cause) ? parts.find(isError) : cause
  const others = Object.fromEntries(HashMap.filter(annotations, (_, name) => name !== "module"))
  const lasted = Object.fromEntries(
    List.toArray(spans).map(({ label, startTime }) => [label, date.getTime() - startTime])
  )
  return {
    level: toWire(logLevel._tag),
    date: date.toISOString(),
    // Whoever logs nothing but a cause means what it says.
    message: parts.length === 0 && error !== undefined ? firstLine(infoOf(error)) : parts.map(textOf).join(" "),
    source,
    module: Option.match(HashMap.get(annotations, "module"), { onNone: () => source, onSome: toText }),
    errorType: error === undefined ? null : typeOf(error),
    errorInfo: error === undefined ? null : infoOf(error),
    ...(Object.keys(others).length === 0 ? {} : { annotations: toJson(others) as Record<string, Json> }),
    ...(Object.keys(lasted).length === 0 ? {} : { spans: lasted })
  }
}

const firstLine = (text: string): string => text.split("\n", 1)[0]!

const textOf = (part: unknown): string => (isError(part) ? safely(() => part.message) : toText(part))

const isError = (part: unknown): part is Error => {
  try {
    return part instanceof Error
  } catch {
    return false
  }
}

/**
 * Lines on standard output.
 *
 * @category layers
 */
export const layerConsole = (options?: Options): Layer.Layer<never> =>
  Layer.mergeAll(
    layer(
      Effect.map(Effect.console, (console) => (line) => console.unsafe.log(encode(line))),
      options
    ),
    Logger.remove(Logger.defaultLogger),
    // What `NodeRuntime.runMain` puts in its place.
    Logger.remove(Logger.prettyLoggerDefault)
  )

/**
 * Lines in a file, with the rotation of the audit log's, beside the console. Where its level is below the minimum in force,
 * Effect's own console logger shows the lines below it as well: the minimum holds for all loggers.
 *
 * Lines are written in the background, in order; closing writes what is left. Where the file cannot be written, lines wait for
 * it up to a limit, and what is lost beyond is said on standard error and in the file itself.
 *
 * @category layers
 */
export const layerFile = (options: FileOptions): Layer.Layer<never, AppLogError, FileSystem.FileSystem> =>
  layer(
    Effect.gen(function* () {
      const source = options.source ?? "app"
      const file = yield* openFile(options)
      // Of the lines that are given again after a failure, the first ones may be stored already.
      let stored = 0
      const counted = (storing: Effect.Effect<void, LogFile.LogFileError>) =>
        Effect.tapError(storing, (error) => Effect.sync(() => (stored += error.written)))
      const writer = yield* Writer.make({
        write: (lines: ReadonlyArray<string>) => counted(file.write(lines.slice(stored))),
        sync: Effect.tap(counted(file.sync), () => Effect.sync(() => (stored = 0))),
        capacity: { items: 50_000, size: 16 * 1024 * 1024 },
        dropped: (count) =>
          Effect.clockWith((clock) =>
            Effect.map(clock.currentTimeMillis, (millis) =>
              encode({
                level: "ERROR",
                date: new Date(millis).toISOString(),
                message: `${count} lines of the application log are lost, because the file could not be written`,
                source,
                module: "effect-registrar",
                errorType: null,
                errorInfo: null
              })
            )
          ),
        // Not through the logger, which is what fails here.
        onFailure: (cause) => Console.error(`The application log cannot be written: ${Cause.pretty(cause)}`),
        onRecovery: Console.error("The application log can be written again"),
        closeWithin: "5 seconds",
        onLoss: (count) => Console.error(`${count} lines of the application log are lost`)
      })
      return (line) => {
        const text = encode(line)
        writer.unsafeOffer(text, text.length, "drop-new")
      }
    }),
    options
  )

const encode = (line: Line): string => stringify(toJson(line))

const openFile = ({ source: _source, level: _level, ...file }: FileOptions) =>
  Effect.mapError(
    LogFile.open({ ...file, keep: file.keep ?? { files: 5 } }, LogFile.plain),
    (error) => new AppLogError({ path: file.path, description: error.description, cause: error.cause })
  )

/** @internal */
export const makeLogger = (write: (line: Line) => void, options?: Options): Logger.Logger<unknown, void> => {
  const minimum = LogLevel.fromLiteral(options?.level ?? "Info")
  return Logger.make((given) => {
    if (given.logLevel._tag === "None" || LogLevel.lessThan(given.logLevel, minimum)) return
    write(toLine(given, options?.source ?? "app"))
  })
}

/**
 * Any function as a destination.
 *
 * @category layers
 */
export const layer = <E, R>(
  write: Effect.Effect<(line: Line) => void, E, R | Scope.Scope>,
  options?: Options
): Layer.Layer<never, E, Exclude<R, Scope.Scope>> => {
  const minimum = LogLevel.fromLiteral(options?.level ?? "Info")
  return Layer.mergeAll(
    Logger.addScoped(Effect.map(write, (write) => makeLogger(write, options))),
    // Effect decides first what reaches any logger, then each destination leaves out what is below its own level. To the
    // lowest of all, because of two destinations that are built at the same time only one would have its way.
    Layer.scopedDiscard(
      Effect.locallyScopedWith(FiberRef.currentMinimumLogLevel, (current) =>
        LogLevel.lessThan(minimum, current) ? LogLevel.Trace : current
      )
    )
  )
}
