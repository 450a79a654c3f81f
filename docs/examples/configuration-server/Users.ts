/**
 * Who may ask for configurations: a file of users, each with the digest of a token, networks, and path patterns.
 */
import type { FileSystem } from "@effect/platform"
import { Context, Effect, Layer, Option, Redacted, Schema } from "effect"
import { createHash, timingSafeEqual } from "node:crypto"
import * as Network from "./Network.js"
import * as StartError from "./StartError.js"
import * as YamlFile from "./YamlFile.js"

/** In a pattern, `*` stands for anything, slashes included. */
const Pattern = Schema.String.pipe(
  Schema.pattern(/^[/*]/, { message: () => "Expected a path pattern that begins with '/' or '*'" })
)

const Digest = Schema.String.pipe(
  Schema.pattern(/^[0-9a-f]{64}$/, { message: () => "Expected a SHA-256 digest in 64 hexadecimal digits" })
)

const User = Schema.Struct({
  name: Schema.NonEmptyString,
  tokenSha256: Digest,
  networks: Schema.Array(Network.Network),
  paths: Schema.Array(Pattern)
})

export type User = typeof User.Type

const UsersFile = Schema.Struct({
  users: Schema.Array(User).pipe(
    Schema.filter(
      (users) =>
        new Set(users.map(({ name }) => name)).size === users.length &&
        new Set(users.map(({ tokenSha256 }) => tokenSha256)).size === users.length,
      { message: () => "Two users have the same name or the same token" }
    )
  )
})

export class Users extends Context.Tag("configuration-server/Users")<
  Users,
  {
    /** Takes the same time whichever token it is, and whether or not it is anybody's. */
    readonly byToken: (token: Redacted.Redacted) => Option.Option<User>
  }
>() {}

/** Fails when the file cannot be read, or has anything in it that is not a user. */
export const layer = (
  path: string
): Layer.Layer<
  Users,
  StartError.StartError | YamlFile.YamlSyntaxError | YamlFile.YamlFormatError,
  FileSystem.FileSystem
> =>
  Layer.effect(
    Users,
    Effect.gen(function* () {
      const { users } = yield* YamlFile.read(path, UsersFile).pipe(
        Effect.catchTags({
          SystemError: StartError.fromPlatform("The users file"),
          BadArgument: StartError.fromPlatform("The users file")
        })
      )
      const digests = users.map((user) => ({ user, digest: Buffer.from(user.tokenSha256, "hex") }))
      return {
        byToken: (token) => {
          const given = createHash("sha256").update(Redacted.value(token)).digest()
          // No early end: every digest is compared, each in constant time.
          const [found] = digests.filter(({ digest }) => timingSafeEqual(digest, given))
          return Option.fromNullable(found?.user)
        }
      }
    })
  )

export const mayComeFrom = (user: User, ip: string): boolean => Network.anyContains(user.networks, ip)

export const mayRead = (user: User, path: string): boolean => user.paths.some((pattern) => matches(pattern, path))

const matches = (pattern: string, path: string): boolean => {
  const literals = pattern.split(/\*+/).map((text) => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&"))
  return new RegExp(`^${literals.join("[^]*")}$`).test(path)
}
