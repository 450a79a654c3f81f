/**
 * What a template knows besides its request: the env file next to it, and what that names of the common variables and the
 * secrets. It is read for each request, so that a changed secret is served at once.
 *
 * `database.json.scs-env.yaml`, the env file of `database.json`, may have four members:
 *
 *     common: [organisation]      # {{ common.organisation.… }} from common/organisation.yaml
 *     secrets: [database]         # {{ secrets.database.… }} from secrets/database.yaml
 *     variables: { pool: 10 }     # {{ pool }}
 *     request: { pool: integer }  # what a POST may set; without a value in variables, what it must set
 */
import { FileSystem } from "@effect/platform"
import { Context, Effect, Layer, Schema } from "effect"
import { envFileSuffix, type Endpoint } from "./Endpoints.js"
import * as Secrets from "./Secrets.js"
import * as YamlFile from "./YamlFile.js"

const Variables = Schema.Record({ key: Schema.String, value: Schema.Unknown })

const FileName = Schema.String.pipe(
  Schema.pattern(/^\w[\w-]*$/, { message: () => "Expected the name of a file, without its folder and '.yaml'" })
)

/** The types that an env file gives to the variables of a request. */
export const Type = Schema.Literal("string", "integer", "number", "boolean")

const EnvFile = Schema.Struct({
  common: Schema.optionalWith(Schema.Array(FileName), { default: () => [] }),
  secrets: Schema.optionalWith(Schema.Array(FileName), { default: () => [] }),
  variables: Schema.optionalWith(Variables, { default: () => ({}) }),
  request: Schema.optional(Schema.Record({ key: Schema.String, value: Type }))
})

export interface Environment {
  readonly common: Readonly<Record<string, typeof Variables.Type>>
  readonly secrets: Secrets.SecretsByFile
  readonly variables: typeof Variables.Type
  /** Undefined where nothing is declared, and a request may set what it likes. */
  readonly request: Readonly<Record<string, typeof Type.Type>> | undefined
}

export class Environments extends Context.Tag("configuration-server/Environments")<
  Environments,
  {
    /** A disk that fails is a defect. */
    readonly of: (endpoint: Endpoint) => Effect.Effect<Environment, YamlFile.YamlSyntaxError | YamlFile.YamlFormatError>
  }
>() {}

export const layer = (dataDir: string): Layer.Layer<Environments, never, FileSystem.FileSystem> =>
  Layer.effect(
    Environments,
    Effect.map(FileSystem.FileSystem, (fs) => ({
      of: (endpoint) =>
        read(dataDir, endpoint).pipe(
          Effect.catchTags({ SystemError: Effect.die, BadArgument: Effect.die }),
          Effect.provideService(FileSystem.FileSystem, fs)
        )
    }))
  )

const read = (dataDir: string, endpoint: Endpoint) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = `${dataDir}/endpoints/${endpoint.name}${envFileSuffix}`
    const env = (yield* fs.exists(path)) ? yield* YamlFile.read(path, EnvFile) : EnvFile.make({})

    const readAll = <A, I>(folder: string, names: ReadonlyArray<string>, schema: Schema.Schema<A, I>) =>
      Effect.forEach(names, (name) =>
        YamlFile.read(`${dataDir}/${folder}/${name}.yaml`, schema).pipe(
          Effect.map((contents) => [name, contents] as const),
          Effect.catchIf(
            (error) => error._tag === "SystemError" && error.reason === "NotFound",
            () => new YamlFile.YamlFormatError({ path, problem: `there is no ${folder}/${name}.yaml, which it names` })
          )
        )
      ).pipe(Effect.map((entries): Readonly<Record<string, A>> => Object.fromEntries(entries)))

    return {
      common: yield* readAll("common", env.common, Variables),
      secrets: yield* readAll("secrets", env.secrets, Secrets.SecretsFile),
      variables: env.variables,
      request: env.request
    }
  })
