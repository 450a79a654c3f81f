// What is measured where a store holds many records.
import { figures, short, whole } from "../report.mjs"

const milliseconds = (contestant, key) => short(figures(contestant, key).middle)

/** In any round. */
const scans = ({ rounds }) => [...new Set(rounds.flatMap(({ scans }) => scans))]

const search = ({ rows }) => ({
  title: `Searches among ${whole(rows)} records`,
  work: "search",
  columns: [
    { head: "p50 ms", key: "p50", show: short },
    { head: "p95 ms", key: "p95", show: short },
    { head: "records found", key: "found", show: whole },
    { head: "blocks read", key: "blocks", show: whole },
    {
      head: "found along",
      tell: (contestant) =>
        scans(contestant)
          .map((scan) => (scan === "table" ? "the whole table" : `\`${scan}\``))
          .join(", ")
    }
  ],
  contestants: {
    user: { name: "the last 50 of a user, 200 users" },
    busy: { name: "the same, as often as they do something" },
    stranger: { name: "the last 50 of a user who did nothing" },
    userType: { name: "the last 50 of a user and a type" },
    type: { name: "the last 50 of a rare type" },
    types: { name: "the same, `keys-*`" },
    hour: { name: "the last 50 of an hour" },
    rareWord: { name: "the last 50 with a rare word" },
    word: { name: "the last 50 with a word of 1 % of the records" },
    commonWord: { name: "the last 50 with a word of 76 % of the records" },
    level: { name: "the last 50 of level Error, 0.1 % of the records" },
    ip: { name: "the last 50 of an address that is not there" }
  },
  targets: ({ user, busy, ip: _ip, level: _level, word: _word, commonWord: _common, ...indexed }) => [
    lastOf(user, "one user", rows),
    lastOf(busy, "one user, of those that do most", rows),
    {
      what: `Searches among ${whole(rows)} records for a user, a type, a time or a rare word that read along an index alone`,
      of: "share",
      measured: share(Object.values(indexed), (contestant) => !scans(contestant).includes("table")),
      atLeast: 1
    }
  ],
  meaning: ({ word, level }) => `
    Twelve months, three instances and 50,000 users, of whom few do most. Each search is a call of \`AuditStore.page\`, whose
    records are read and checked, and all of them were made before. Blocks are those of 8 kB that the server looks at for one
    search, wherever they are: no clock is in that figure. A word that is neither rare nor common takes
    ${milliseconds(word, "p50")} ms, and a level that few records have ${milliseconds(level, "p50")} ms. Where the whole table was
    read, no index serves what was asked for.`
})

const lastOf = (contestant, whose, rows) => ({
  what: `The last 50 events of ${whose}, among ${whole(rows)} records in PostgreSQL`,
  of: "milliseconds at the median",
  measured: figures(contestant, "p50"),
  atMost: 20
})

const share = (contestants, isSo) => {
  const middle = contestants.filter(isSo).length / contestants.length
  return { middle, low: middle, high: middle }
}

/** Of each round. */
const growth = ({ rounds }) => {
  const each = rounds.map(({ first, last }) => last / first)
  const of = (key) => figures({ rounds }, key).middle
  return { middle: of("last") / of("first"), low: Math.min(...each), high: Math.max(...each) }
}

const paging = ({ rows }) => ({
  title: `Paging through ${whole(rows)} records`,
  work: "paging",
  columns: [
    { head: "pages", key: "pages", show: whole },
    { head: "first ten, ms each", key: "first", show: short },
    { head: "ten in the middle", key: "middle", show: short },
    { head: "last ten", key: "last", show: short },
    { head: "blocks read, first", key: "firstBlocks", show: whole },
    { head: "blocks read, last", key: "lastBlocks", show: whole }
  ],
  contestants: {
    all: { name: "everything, pages of 100" },
    type: { name: "one type, 2 % of the records, pages of 100" }
  },
  targets: ({ all, type }) =>
    [
      [all, "everything"],
      [type, "one type"]
    ].map(([contestant, what]) => ({
      what: `Paging through ${what} among ${whole(rows)} records: the last ten of ${whole(figures(contestant, "pages").middle)} pages, against the first ten`,
      of: "time",
      measured: growth(contestant),
      atMost: 1.5
    })),
  meaning: ({ all, type }) => `
    From page to page with the cursor, newest first, up to 2,000 pages. A page of everything takes ${milliseconds(all, "first")} ms in the
    beginning and ${milliseconds(all, "last")} ms in the end; one of a type ${milliseconds(type, "first")} ms and
    ${milliseconds(type, "last")} ms. A page is found by the place of the last record before it, and so nothing is read that is not answered.`
})

export const cases = (setting) => [search(setting), paging(setting)].map((each) => ({ ...each, needs: "postgres" }))
