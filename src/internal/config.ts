/**
 * Settings that more than one module reads. A value that is wrong fails with the name of its key.
 */
import { Config } from "effect"

export const text = (key: string): Config.Config<string> =>
  Config.string(key).pipe(
    Config.validate({ message: "Expected a text that is not empty", validation: (text) => text !== "" })
  )

export const count = (key: string): Config.Config<number> =>
  Config.integer().pipe(
    Config.validate({ message: "Expected a number that is not negative", validation: (number) => number >= 0 }),
    // Around it, or what is not valid would have no name.
    Config.nested(key)
  )
