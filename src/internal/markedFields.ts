/**
 * Which fields are marked, and what is kept from whoever looks at them otherwise than through their encoder.
 */
import { Schema } from "effect"
import { makeEncoder, pick, type Fields } from "./fields.js"
import { setMember } from "./json.js"
import { holdsPseudonyms, marksIn } from "./marks.js"

/** The fields in which something is marked; those in which something becomes a pseudonym, where these are asked for. */
export const markedNames = (fields: Fields, wanted: "any" | "pseudonyms" = "any"): ReadonlyArray<string> =>
  Object.entries(fields).flatMap(([field, schema]) => {
    const marks = marksIn(Schema.Struct({ [field]: schema }).ast)
    return marks.size > 0 && (wanted === "any" || holdsPseudonyms(marks)) ? [field] : []
  })

/** What a message may say of values, which otherwise shows them as they are: those of marked fields as they are written. */
export const makeShown = (fields: Fields): ((values: object) => object) => {
  const names = markedNames(fields)
  const encoders = Object.entries(fields)
    .filter(([field]) => names.includes(field))
    .map(([field, schema]) => ({ field, encode: makeEncoder({ [field]: schema }) }))
  if (encoders.length === 0) return (values) => values
  return (values) => {
    const shown = pick(values, Object.keys(fields))
    for (const { encode, field } of encoders) {
      const { details, omitted } = encode(pick(values, [field]), "keep")
      setMember(shown, field, omitted?.[field] ?? Object.values(details)[0])
    }
    return shown
  }
}

/** Hides marked members from whoever lists the members of an object. They can still be read by their names. */
export const makeHide = (fields: Fields): ((object: object) => void) => {
  let names: ReadonlyArray<string> | undefined
  return (object) => {
    // A Schema may be of others that come later in their module, and an error be made before.
    try {
      names ??= markedNames(fields)
    } catch {
      return
    }
    for (const name of names) {
      if (Object.hasOwn(object, name)) Object.defineProperty(object, name, { enumerable: false })
    }
  }
}
