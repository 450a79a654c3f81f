/**
 * The variables that a request sets, checked against what the env file declares.
 */
import { Effect, Schema } from "effect"
import type * as Environments from "./Environments.js"
import { problemsOf } from "./YamlFile.js"

const schemaByType = {
  string: Schema.String,
  integer: Schema.Int,
  number: Schema.Number,
  boolean: Schema.Boolean
} satisfies Record<typeof Environments.Type.Type, Schema.Schema.AnyNoContext>

const Anything = Schema.Record({ key: Schema.String, value: Schema.Unknown })

/** Fails with a sentence about every variable that is missing, unknown, or of another type. */
export const decode = (
  body: unknown,
  { request, variables }: Environments.Environment
): Effect.Effect<Readonly<Record<string, unknown>>, string> => {
  const options = { errors: "all", onExcessProperty: "error" } as const
  const decoded =
    request === undefined
      ? Schema.decodeUnknown(Anything)(body, options)
      : Schema.decodeUnknown(schemaOf(request, variables))(body, options)
  return Effect.mapError(decoded, problemsOf)
}

const schemaOf = (request: NonNullable<Environments.Environment["request"]>, variables: object) =>
  Schema.Struct(
    Object.fromEntries(
      Object.entries(request).map(([name, type]) => [
        name,
        Object.hasOwn(variables, name) ? Schema.optionalWith(schemaByType[type], { exact: true }) : schemaByType[type]
      ])
    )
  )
