/**
 * What configuration has in common.
 */
import { Config, ConfigError, Either } from "effect"

/** A whole number that is not negative. `Config.validate` would not name the key. */
export const count = (key: string): Config.Config<number> =>
  Config.mapOrFail(Config.integer(key), (number) =>
    number >= 0
      ? Either.right(number)
      : Either.left(ConfigError.InvalidData([key], `Expected a number that is not negative but received ${number}`))
  )
