/// Every event that a log line can name. Words are those of code, SQL and docs.
public enum Event: String, Sendable, CaseIterable {
    case started, stopped, failed
    case migrated
    case listening
    case requestFailed = "request_failed"
    case webhookRefused = "webhook_refused"
    case webhookAccepted = "webhook_accepted"
    case workerStarted = "worker_started"
    case workerEnded = "worker_ended"
    case workerKilled = "worker_killed"
    case leaseLost = "lease_lost"
    case jobFailed = "job_failed"
    case stepDone = "step_done"
    case recordHeld = "record_held"
    case caseHeld = "case_held"
    case postingHeld = "posting_held"
    case posted, rejected
    case outcomeUnknown = "outcome_unknown"
    case confirmed, differs, reconciled
    case refreshed
    case connectionDead = "connection_dead"
    case throttled
    case childEnded = "child_ended"
    case databaseStarted = "database_started"
    case keysGiven = "keys_given"
    case sealed
    case alertsStarted = "alerts_started"
    case alertTold = "alert_told"
    case alertDelivered = "alert_delivered"
    case alertUndelivered = "alert_undelivered"
    case reflectionRung = "reflection_rung"
    case reflectionUnheard = "reflection_unheard"
}
