/**
 * Steps and registrations as the file describes them.
 *
 * A member or step that is not known here is refused: playing on without it would compare something else.
 */
import { Schema } from "effect"

export const opt = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })

/** What the library is there to refuse, when it is of the wrong type, has no type here. */
const Value = Schema.Unknown

export const Registration = Schema.Union(
  Schema.Struct({ op: Schema.Literal("error"), code: Value, id: Value, message: Value }),
  Schema.Struct({ op: Schema.Literal("exception"), exception: Schema.String, id: Value, message: opt(Value) }),
  Schema.Struct({ op: Schema.Literal("audit"), type: Value, level: Value, template: Value })
)
export type Registration = typeof Registration.Type

export interface Raised {
  readonly exception: string
  readonly text?: unknown
  readonly caused_by?: Raised
}
const Raised: Schema.Schema<Raised> = Schema.Struct({
  exception: Schema.String,
  text: opt(Value),
  caused_by: opt(Schema.suspend(() => Raised))
})

const SimpleStep = Schema.Union(
  Schema.Struct({ do: Schema.Literal("set_user"), user: Schema.NullOr(Schema.String) }),
  Schema.Struct({
    do: Schema.Literal("audit"),
    type: Value,
    fields: opt(Schema.Record({ key: Schema.String, value: Value }))
  }),
  Schema.Struct({
    do: Schema.Literal("abort"),
    code: Value,
    description: opt(Value),
    retry_after: opt(Value),
    www_authenticate: opt(Schema.String),
    valid_methods: opt(Schema.Array(Schema.String))
  }),
  Schema.Struct({
    do: Schema.Literal("raise"),
    exception: Schema.String,
    text: opt(Value),
    caused_by: opt(Raised)
  }),
  Schema.Struct({ do: Schema.Literal("raise_http"), status: Value, description: opt(Value) }),
  Schema.Struct({
    do: Schema.Literal("respond"),
    status: opt(Schema.Int),
    headers: opt(Schema.Record({ key: Schema.String, value: Schema.String })),
    json: opt(Value),
    text: opt(Value)
  }),
  Schema.Struct({ do: Schema.Literal("read_json") }),
  Schema.Struct({
    do: Schema.Literal("app_log"),
    level: Schema.Union(Schema.String, Schema.Number),
    message: Value,
    args: opt(Schema.Array(Value)),
    extra: opt(Schema.Record({ key: Schema.String, value: Value })),
    stack: opt(Schema.Boolean),
    error: opt(Schema.Union(Raised, Schema.Literal("$flag_without_error"))),
    logger: opt(Schema.String)
  }),
  Schema.Struct({ do: Schema.Literal("let"), name: Schema.String, value: Value }),
  Schema.Struct({
    do: Schema.Literal("assign"),
    name: Schema.String,
    at: Schema.Array(Schema.Union(Schema.String, Schema.Number)),
    value: Value
  }),
  Schema.Struct({ do: Schema.Literal("register"), registration: Registration }),
  Schema.Struct({ do: Schema.Literal("pause_ms"), ms: Schema.Number })
)

export type Steps = ReadonlyArray<Step>

export type Step =
  | typeof SimpleStep.Type
  | { readonly do: "attempt"; readonly steps: Steps }
  | {
      readonly do: "if_header"
      readonly name: string
      readonly equals: string
      readonly then?: Steps
      readonly else?: Steps
    }
  | { readonly do: "stream"; readonly chunks: ReadonlyArray<unknown>; readonly then?: Steps }

export const Steps: Schema.Schema<Steps> = Schema.Array(
  Schema.suspend((): Schema.Schema<Step> =>
    Schema.Union(
      ...SimpleStep.members,
      Schema.Struct({ do: Schema.Literal("attempt"), steps: Steps }),
      Schema.Struct({
        do: Schema.Literal("if_header"),
        name: Schema.String,
        equals: Schema.String,
        // oxlint-disable-next-line unicorn/no-thenable -- the file's own word
        then: opt(Steps),
        else: opt(Steps)
      }),
      // oxlint-disable-next-line unicorn/no-thenable -- the file's own word
      Schema.Struct({ do: Schema.Literal("stream"), chunks: Schema.Array(Value), then: opt(Steps) })
    )
  )
)
