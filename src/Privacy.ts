/**
 * Fields that are nobody's business, marked on their Schemas: `omit`, `mask`, `keepLast`, `hmac`. The value itself then reaches
 * no sink, no message, no line of the application log that the library writes, and no answer.
 *
 * A mark is an annotation: it changes neither the type of the Schema nor what it decodes and encodes elsewhere. It can stand
 * anywhere in a Schema, and counts for the whole encoded form of what carries it. Of several the outermost counts. A value that does
 * not fit its Schema is masked. `docs/guides/privacy.md` says what each protects against, and what not.
 *
 * @example
 * import { AuditEvent, Privacy } from "effect-registrar"
 * import { Schema } from "effect"
 *
 * const CardAdded = AuditEvent.make("shop-card-added", {
 *   level: "Info",
 *   message: "{user} has added the card {card} for {email}",
 *   fields: {
 *     card: Schema.String.pipe(Privacy.keepLast(4)),
 *     email: Schema.String.pipe(Privacy.hmac),
 *     pin: Schema.optional(Schema.String).pipe(Privacy.omit)
 *   }
 * })
 */
import type { Schema } from "effect"
import { MarkId, type Mark } from "./internal/marks.js"

/**
 * What can be marked: a Schema, and what `Schema.optional` and its like make of one.
 *
 * @category models
 */
export type Markable = Schema.Annotable.All | Schema.PropertySignature.All

/**
 * The same, with one more annotation.
 *
 * @category type-level
 */
export type Marked<S extends Markable> = ReturnType<S["annotations"]>

/**
 * Left out: a member is missing, an item of a list is `null`, and a message that names the field says `<omitted>`.
 *
 * @category marks
 */
export const omit = <S extends Markable>(self: S): Marked<S> => marked(self, { how: "omit" })

/**
 * Written as `<redacted>`, whatever the value is. That there was one can be seen.
 *
 * @category marks
 */
export const mask = <S extends Markable>(self: S): Marked<S> => marked(self, { how: "mask", keepLast: 0 })

/**
 * Masked but for the last characters, so that somebody who knows the value finds it again: `<redacted>1111`. Where these would be
 * more than a quarter of the text, and where the encoded form is no text, all is masked.
 *
 * @example
 * import { AuditEvent, AuditRecord, Privacy } from "effect-registrar"
 * import { Schema } from "effect"
 *
 * const Paid = AuditEvent.make("shop-paid", {
 *   level: "Info",
 *   message: "Paid with {card}",
 *   fields: { card: Schema.String.pipe(Privacy.keepLast(4)) }
 * })
 * const given = { source: "shop", date: "2026-01-31T12:00:00.000Z" }
 *
 * console.log(AuditRecord.fromEvent(Paid, { card: "4111111111111111" }, given).record.message)
 * // Paid with <redacted>1111
 *
 * @category marks
 */
export const keepLast =
  (characters: number) =>
  <S extends Markable>(self: S): Marked<S> =>
    marked(self, { how: "mask", keepLast: Number.isInteger(characters) ? characters : 0 })

/**
 * Written as a pseudonym in audit records: `hmac-sha256:<id of the key>:<HMAC>`. Equal values have equal pseudonyms, in all fields and
 * events under one key, and `HmacKey.pseudonym` finds that of a known value. Without a key, and in answers, it is masked: who could
 * ask for pseudonyms could find out what others stand for.
 *
 * @category marks
 */
export const hmac = <S extends Markable>(self: S): Marked<S> => marked(self, { how: "hmac" })

const marked = <S extends Markable>(self: S, mark: Mark): Marked<S> =>
  // What it makes is what the Schema says that it makes; the compiler cannot see that of a type it does not know.
  self.annotations({ [MarkId]: mark }) as Marked<S>
