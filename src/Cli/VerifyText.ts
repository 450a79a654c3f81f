/**
 * What reports of chains have in common.
 */
import { grouped } from "../internal/barChart.js"

export const sealedText = (sealed: number | undefined, seals: number, hasKeys: boolean): string => {
  if (seals === 0) return "no seals"
  const found = count(seals, "seal")
  if (!hasKeys) return `not checked: give the public key with --key (${found})`
  return sealed === undefined ? found : `up to seq ${grouped(sealed)} (${found})`
}

export const count = (number: number, what: string): string => `${grouped(number)} ${what}${number === 1 ? "" : "s"}`
