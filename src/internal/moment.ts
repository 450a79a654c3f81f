/**
 * A moment as people give it on a command line, and as records have it: UTC with milliseconds and `Z`, which sorts as text.
 */
import { DateTime, Either, Option } from "effect"
import { visible } from "./visible.js"

const millisByUnit: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

const iso = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:Z|([+-]\d\d):?(\d\d))?)?$/i

/**
 * `15m`, `2h`, `1d`: so long before `now`. `2024-01-31`, `2024-01-31T12:00`, `2024-01-31T12:00:00.5+01:00`: that moment, in UTC
 * unless it says otherwise.
 */
export const parse = (text: string, now: number): Either.Either<string, string> =>
  Either.fromNullable(
    ago(text, now) ?? date(text),
    () =>
      `'${visible(text)}' is no moment: give a date such as 2024-01-31 or 2024-01-31T12:00:00Z, or how long ago, such as 15m, 2h or 1d`
  )

const ago = (text: string, now: number): string | undefined => {
  const [, number, unit = ""] = /^(\d{1,9})([smhdw])$/i.exec(text) ?? []
  return number === undefined ? undefined : toText(now - Number(number) * millisByUnit[unit.toLowerCase()]!)
}

const date = (text: string): string | undefined => {
  const match = iso.exec(text)
  if (match === null) return undefined
  const [, day = "", time = "00:00", seconds = "00", fraction = "", hours = "+00", minutes = "00"] = match
  const local = `${day}T${time}:${seconds}.${fraction.slice(0, 3).padEnd(3, "0")}`
  // A day that its month does not have would become one of the next.
  return toText(`${local}Z`) === `${local}Z` ? toText(`${local}${hours}:${minutes}`) : undefined
}

const toText = (moment: number | string): string | undefined => {
  const made = Option.getOrUndefined(DateTime.make(moment))
  const text = made && DateTime.formatIso(made)
  // Before the year 0 and after 9999 there is a sign, which does not sort.
  return text?.length === 24 ? text : undefined
}
