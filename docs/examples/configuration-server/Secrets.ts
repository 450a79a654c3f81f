/**
 * Secrets for one template, and which of them it used.
 *
 * They stay `Redacted` until the very moment at which a template writes one into its text.
 */
import { Redacted, Schema } from "effect"

/** A file of secrets by name. */
export const SecretsFile = Schema.Record({
  key: Schema.String,
  value: Schema.Redacted(Schema.Union(Schema.String, Schema.Number, Schema.Boolean))
})

export type SecretsByFile = Readonly<Record<string, typeof SecretsFile.Type>>

export interface Opened {
  /** What the template sees: `database.password` is the bare value. */
  readonly values: Readonly<Record<string, object>>
  /** What it has looked at so far: `["database.password"]`. */
  readonly used: () => ReadonlyArray<string>
}

export const open = (secretsByFile: SecretsByFile): Opened => {
  const used = new Set<string>()
  const openFile = (file: string, secrets: typeof SecretsFile.Type) => {
    const values = {}
    for (const [name, secret] of Object.entries(secrets)) {
      const get = () => {
        used.add(`${file}.${name}`)
        return Redacted.value(secret)
      }
      Object.defineProperty(values, name, { enumerable: true, get })
    }
    return values
  }
  const values = Object.entries(secretsByFile).map(([file, secrets]) => [file, openFile(file, secrets)] as const)
  return { values: Object.fromEntries(values), used: () => [...used] }
}
