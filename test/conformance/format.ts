/**
 * The file format: a case is a small application described as data, the requests made to it, and what was observed.
 *
 * Each case is decoded for itself, so that one which uses something unknown does not take the others with it.
 */
import { Data, Effect, Either, Option, ParseResult, Schema } from "effect"
import { opt, Registration, Steps } from "./stepFormat.js"

/** The case cannot be played here, and why. */
export class NotPlayable extends Data.TaggedError("NotPlayable")<{ readonly reason: string }> {
  override get message() {
    return this.reason
  }
}

/** The file cannot be read, or is none of this format. */
export class NotReadable extends Data.TaggedError("NotReadable")<{ readonly reason: string }> {
  override get message() {
    return this.reason
  }
}

const Level = Schema.Union(Schema.String, Schema.Number)

const Sinks = Schema.Struct({
  file: opt(
    Schema.Struct({ level: Level, max_size_mb: Schema.Number, backup_count: Schema.Int, subdir: opt(Schema.String) })
  ),
  stdout: opt(Schema.Struct({ level: Level }))
})
export type Sinks = typeof Sinks.Type

const ExceptionClass = Schema.Struct({
  name: Schema.String,
  extends: Schema.Array(Schema.String),
  status: opt(Schema.Int),
  description: opt(Schema.String)
})
export type ExceptionClass = typeof ExceptionClass.Type

const Method = Schema.Literal("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS").annotations({
  message: ({ actual }) => ({ message: `there are no routes for the method ${JSON.stringify(actual)}`, override: true })
})

const Route = Schema.Struct({
  path: Schema.TemplateLiteral("/", Schema.String),
  methods: Schema.Array(Method),
  steps: Steps,
  auto_options: opt(Schema.Boolean)
})
export type Route = typeof Route.Type

const Setup = Schema.Struct({
  source_name: Schema.String,
  audit: Sinks,
  application: Sinks,
  exceptions: opt(Schema.Array(ExceptionClass)),
  registrations: opt(Schema.Array(Registration)),
  before: opt(Steps),
  after: opt(Steps),
  teardown: opt(Steps),
  routes: opt(Schema.Array(Route))
})
export type Setup = typeof Setup.Type

const Repeated = Schema.Struct({ text: Schema.String, times: Schema.Int })

const Request = Schema.Struct({
  method: Schema.String.pipe(Schema.pattern(/^[!#$%&'*+.^_`|~\w-]+$/)),
  path: Schema.String,
  headers: opt(Schema.Record({ key: Schema.String, value: Schema.String })),
  body: opt(Schema.String),
  body_hex: opt(Schema.String.pipe(Schema.pattern(/^([\da-f]{2})*$/i))),
  body_repeat: opt(Repeated),
  remote_addr: opt(Schema.String),
  times: opt(Schema.Int),
  concurrency: opt(Schema.Int),
  app: opt(Schema.Literal("other"))
})
export type Request = typeof Request.Type

const Observed = Schema.Record({ key: Schema.String, value: Schema.Unknown })
export type Observed = typeof Observed.Type

const Case = Schema.Struct({
  id: Schema.String,
  title: opt(Schema.String),
  note: opt(Schema.String),
  quirk: opt(Schema.Array(Schema.String)),
  setup: Setup,
  other_app: opt(Setup),
  requests: Schema.Array(Request),
  observed: Observed
})
export type Case = typeof Case.Type

/** Lines of requests made at once may come in any order. */
export const isConcurrent = (requests: ReadonlyArray<Request>): boolean =>
  requests.some(({ concurrency }) => (concurrency ?? 1) > 1)

const RawCase = Schema.Struct({ id: Schema.String }, { key: Schema.String, value: Schema.Unknown })

/** A case as it stands in the file. */
export type RawCase = typeof RawCase.Type

const File = Schema.parseJson(Schema.Struct({ schema: Schema.Literal(1), cases: Schema.Array(RawCase) }))

const firstIssue = (error: ParseResult.ParseError) => {
  const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
  if (issue === undefined) return "it is not understood"
  const path = issue.path.map(String).join(".")
  return `${path === "" ? "" : `${path}: `}${issue.message}`.replaceAll(/\s+/g, " ").slice(0, 300)
}

/** The cases of a file, each still to be decoded. */
export const decodeFile = (text: string): Effect.Effect<ReadonlyArray<RawCase>, NotReadable> =>
  Schema.decodeUnknown(File)(text).pipe(
    Effect.map(({ cases }) => cases),
    Effect.mapError((error) => new NotReadable({ reason: `it is no file of this format: ${firstIssue(error)}` }))
  )

export const decodeCase = (raw: RawCase): Either.Either<Case, NotPlayable> =>
  Schema.decodeUnknownEither(Case, { onExcessProperty: "error" })(raw).pipe(
    Either.mapLeft((error) => new NotPlayable({ reason: firstIssue(error) })),
    Either.flatMap((given) =>
      Option.match(unknownValue([given.setup, given.other_app, given.requests]), {
        onNone: () => Either.right(given),
        onSome: (name) => Either.left(new NotPlayable({ reason: `the value '${name}' is not known` }))
      })
    )
  )

const valueNames = new Set(
  "$ref $request_index $repeat $float $datetime $bytes $tuple $set $object $int_keys $circular $uncopyable $char".split(
    " "
  )
)

/** The name of a value, `{"$name": …}`, that nobody here knows. */
const unknownValue = (value: unknown): Option.Option<string> => {
  if (typeof value !== "object" || value === null) return Option.none()
  const names = Object.keys(value)
  const [name] = names
  if (names.length === 1 && name?.startsWith("$") === true && !valueNames.has(name)) return Option.some(name)
  return Option.firstSomeOf(Object.values(value).map(unknownValue))
}
