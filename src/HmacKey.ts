/**
 * The key under which fields that are marked with `Privacy.hmac` get their pseudonyms.
 *
 * A pseudonym is `hmac-sha256:<id>:<HMAC>`, both in lower-case hexadecimal: HMAC-SHA-256 (RFC 2104) of the UTF-8 of a text, and of
 * anything else as canonical JSON (RFC 8785), in its encoded form. The key is the UTF-8 of the text that it was made from, and `id`
 * the first 8 digits of the HMAC of `effect-registrar:key-id`. So a program without this library makes the same.
 *
 * @example
 * import * as HmacKey from "effect-registrar/HmacKey"
 * import { Either, Redacted } from "effect"
 *
 * const key = Either.getOrThrow(HmacKey.make(Redacted.make("correct horse battery staple, 32 bytes and more")))
 *
 * console.log(HmacKey.pseudonym(key, "ada@example.com"))
 * // hmac-sha256:2962dd7a:e3c3dc99daaadecf0c1a21f1912c208535a90265891ecc3f5f5d3fe5d8a2bd71
 */
import { Data, Either, Redacted } from "effect"
import * as Crypto from "node:crypto"
import { pseudonymOf } from "./internal/pseudonym.js"

/**
 * The key itself is not among the members, and so never printed.
 *
 * @category models
 */
export interface HmacKey {
  /** Tells keys apart: pseudonyms under different ones cannot be compared. */
  readonly id: string
  /** HMAC-SHA-256 of the UTF-8 of a text, in hexadecimal. */
  readonly hmac: (text: string) => string
}

/**
 * The text is no key.
 *
 * @category errors
 */
export class HmacKeyError extends Data.TaggedError("HmacKeyError")<{ readonly description: string }> {
  override get message() {
    return this.description
  }
}

/** In bytes, as many as the HMAC has: RFC 2104, section 3. */
const shortest = 32

/**
 * A key of at least 32 bytes that nobody can guess, such as `openssl rand -base64 32` prints.
 *
 * @category constructors
 */
export const make = (secret: Redacted.Redacted): Either.Either<HmacKey, HmacKeyError> => {
  const text = Redacted.value(secret)
  const bytes = Buffer.from(text)
  if (bytes.length < shortest) {
    return fail(
      `has ${bytes.length} bytes: give at least ${shortest} that nobody can guess, as 'openssl rand -base64 32' prints them`
    )
  }
  // It would be another key than the one that everybody else takes it for.
  if (text.trim() !== text) return fail("begins or ends with a blank or a line end: remove it")
  const key = Crypto.createSecretKey(bytes)
  const hmac = (text: string) => Crypto.createHmac("sha256", key).update(text).digest("hex")
  return Either.right({ id: hmac("effect-registrar:key-id").slice(0, 8), hmac })
}

const fail = (what: string) => Either.left(new HmacKeyError({ description: `The HMAC key ${what}` }))

/**
 * What stands in audit records in the place of a value: the way to look for one that is known. `value` is given in its encoded
 * form, as it would stand in the record without the mark. What is larger than any sensible value is `<redacted>`.
 *
 * @category pseudonyms
 */
export const pseudonym = (key: HmacKey, value: unknown): string => pseudonymOf(key, value)
