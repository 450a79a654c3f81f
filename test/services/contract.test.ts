/** What every sink promises, for those that need a service. */
import { Effect } from "effect"
import { describeSink } from "../support/sinkContract.js"
import { postgres } from "../support/sqlDatabases.js"
import { sqlPlace } from "../support/sqlStore.js"

describeSink("PostgreSQL", { place: Effect.map(postgres, sqlPlace) })
