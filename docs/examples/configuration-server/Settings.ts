/**
 * What can be set from outside, by the environment variables of these names.
 */
import { Config, Option, type Redacted } from "effect"
import { hostname } from "node:os"
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
  /** The name of this server among those that write one trail. */
  readonly instance: string
  /** Where the audit trail goes besides. */
  readonly databaseUrl: Redacted.Redacted | undefined
  readonly natsUrl: Redacted.Redacted | undefined
  readonly sendsToCollector: boolean
}

const orUndefined = <A>(config: Config.Config<A>) => Config.map(Config.option(config), Option.getOrUndefined)

/** An address with one of these schemes. It may hold a password. */
const address = (key: string, ...schemes: ReadonlyArray<string>) =>
  Config.nonEmptyString(key).pipe(
    Config.validate({
      message: `Expected an address that begins with ${schemes.join(" or ")}`,
      validation: (text) => schemes.some((scheme) => text.startsWith(scheme))
    }),
    (config) => Config.redacted(config),
    orUndefined
  )

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
  trustedProxies: Config.withDefault(integerBetween("TRUSTED_PROXIES", 0, 100), 0),
  instance: Config.withDefault(Config.nonEmptyString("AUDIT_INSTANCE"), hostname()),
  databaseUrl: address("AUDIT_DATABASE_URL", "postgres://", "postgresql://", "sqlite:"),
  natsUrl: address("AUDIT_NATS_URL", "nats://", "tls://"),
  sendsToCollector: Config.map(
    Config.all(
      ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"].map((key) =>
        orUndefined(Config.nonEmptyString(key))
      )
    ),
    (given) => given.some((endpoint) => endpoint !== undefined)
  )
})
