/**
 * What can be set from outside, by the environment variables of these names.
 */
import { Config } from "effect"
import { fileURLToPath } from "node:url"

export interface Settings {
  readonly port: number
  readonly host: string
  /** Where `audit.log.jsonl` and `application.log.jsonl` are written. */
  readonly logDir: string
  /** The folder of `users.yaml`, `endpoints`, `common` and `secrets`. */
  readonly dataDir: string
  /** How many reverse proxies stand before the server. */
  readonly trustedProxies: number
}

/** Set to nothing is not set. */
const integerBetween = (key: string, minimum: number, maximum: number) =>
  Config.nonEmptyString(key).pipe(
    Config.validate({
      message: `Expected a whole number from ${minimum} to ${maximum}`,
      validation: (text) => /^\d+$/.test(text) && Number(text) >= minimum && Number(text) <= maximum
    }),
    Config.map(Number)
  )

export const config: Config.Config<Settings> = Config.all({
  port: Config.withDefault(integerBetween("PORT", 0, 65535), 8080),
  host: Config.withDefault(Config.nonEmptyString("HOST"), "127.0.0.1"),
  logDir: Config.withDefault(Config.nonEmptyString("LOG_DIR"), "./var/log"),
  dataDir: Config.withDefault(Config.nonEmptyString("DATA_DIR"), fileURLToPath(new URL("data", import.meta.url))),
  trustedProxies: Config.withDefault(integerBetween("TRUSTED_PROXIES", 0, 100), 0)
})
