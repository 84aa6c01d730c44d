internal import AlertRules
internal import Kernel
internal import Store

/// What is so, as a sentence with what to do about it. Pure.
enum Observing {
    /// Postings of unknown outcome are looked for; only what stays unknown is for people.
    static let unknownMost = Duration.seconds(15 * 60)
    /// A shop's refund may be told long before its return is closed or its money goes back, a day's sales before its till is counted; only what stays
    /// alone is for people.
    static let returnMost = Duration.seconds(24 * 3600)

    static func seen(_ fact: AlertFact, _ bounds: AlertBounds, now: Timestamp) -> SeenAlert? {
        let age = now - fact.since, documents = "\(some(fact.items, "document")) of \(fact.place)"
        switch AlertCause(key: fact.key) {
        case .held:
            let opens = !PatientChecks.names.contains(fact.code) || age >= returnMost
            return alert(fact, .warning, "\(documents) \(are(fact.items)) held by \(fact.code): \(words(fact))", fact.remedy, opens: opens)
        case .rejected: return alert(fact, .warning, "\(documents) \(are(fact.items)) refused by the ledger (\(fact.code)): \(words(fact))", fact.remedy)
        case .variance:
            return alert(
                fact, .critical, "the ledger shows \(documents) otherwise than sent, by \(fact.code): \(words(fact))",
                "Open the posting, compare both sides, then correct the ledger, accept what it shows, or release.")
        case .unknown:
            return alert(
                fact, .critical, "of \(documents) nobody knows whether the ledger has \(fact.items == 1 ? "it" : "them"): \(words(fact))",
                "Look in the ledger by the reference; the posting tells what was sent. Nothing is sent a second time meanwhile.", opens: age >= unknownMost)
        case .event: return alert(fact, .warning, "\(some(fact.items, "event")) of \(fact.place) can't be read (\(fact.code)): \(words(fact))", fact.remedy)
        case .documentQuarantined:
            return alert(
                fact, .critical,
                "\(some(fact.items, fact.code)) \(are(fact.items)) held because the worker ended in the midst of \(fact.items == 1 ? "it" : "each"); the others go on",
                "Report it with its number; have it delivered or planned again once the program was mended.")
        case .credential: return credential(fact, age)
        case .down:
            return alert(
                fact, .warning, "\(fact.code) has not answered the connection \(fact.place) since \(minute(fact.since)): \(words(fact))",
                "Look at the platform's status page. It is asked again from time to time, and work goes on by itself.", opens: age >= bounds.down)
        case .webhooks: return webhooks(fact, age)
        case .clock: return clock(fact)
        case .lag: return lag(fact, bounds, age)
        case .crash: return crash(fact, age)
        case .undelivered:
            return alert(
                fact, .warning, "messages by the route \(fact.place) (\(fact.code)) do not arrive: \(fact.words)",
                "Correct the route, then send a test message by it.")
        case .schedule: return schedule(fact)
        // What stands in the alert is still so.
        case .quotaSpent, .fetch, .configuration: return alert(fact, .warning, fact.words, fact.remedy, opens: false)
        case .quota, .orphaned, .silent, .attachment, .account, .company, .unexplained, .returnsDiffer, .reflection, .quarantined, .changedInHand, .differsByHand, nil: return nil
        }
    }

    private static func alert(_ fact: AlertFact, _ severity: AlertRow.Severity, _ cause: String, _ remedy: String, opens: Bool = true) -> SeenAlert {
        SeenAlert(tenant: fact.tenant, row: AlertRow(key: fact.key, severity: severity, cause: cause, remedy: remedy), items: fact.items, opens: opens)
    }

    /// Who is at the other end is known within seconds of a new credential, mostly; only what takes longer is for people.
    static let identifiedWithin = Duration.seconds(10 * 60)

    /// `remedy` of the fact is the connection's state: one that is new again keeps what was said of it until it is identified.
    private static func credential(_ fact: AlertFact, _ age: Duration) -> SeenAlert {
        if fact.remedy == "new", fact.words.isEmpty, age >= identifiedWithin {
            return alert(
                fact, .critical, "\(fact.code) has not said since \(minute(fact.since)) whose account the credential of connection \(fact.place) opens: nothing is read or sent meanwhile",
                "It is asked again by itself. See whether the platform answers; where it does, give a credential that may ask who is there.")
        }
        guard fact.remedy == "dead" else { return alert(fact, .critical, "", "", opens: false) }
        return alert(
            fact, .critical, fact.words.isEmpty ? "\(fact.code) refuses the credential of connection \(fact.place)" : fact.words,
            "Connect the account again; work waits and goes on by itself.")
    }

    /// Events found by sweeps alone from which webhooks count as lost, and for how long: one may be overtaken on its way.
    static let missedEvents = 3
    static let missedFor = Duration.seconds(60)

    private static func webhooks(_ fact: AlertFact, _ age: Duration) -> SeenAlert {
        alert(
            fact, .warning,
            "no webhook of \(fact.place) (\(fact.code)) has come since \(minute(fact.since)), and sweeps found \(some(fact.items, "event")) that one should have told of",
            "Nothing is lost, it comes later. See at the platform whether its webhooks still stand and lead here, and with which answer they end.",
            opens: fact.items >= missedEvents && age >= missedFor)
    }

    private static func clock(_ fact: AlertFact) -> SeenAlert {
        let ahead = Int(fact.words) ?? 0
        let whose = fact.items == 1 ? "the clock of \(fact.place) is" : "the clocks of \(fact.place) are"
        return alert(
            fact, .warning, "\(whose) \(some(abs(ahead), "second")) \(ahead < 0 ? "behind" : "ahead of") ours, by the times of \(fact.items == 1 ? "its" : "their") answers",
            fact.items == 1
                ? "Compare this host's clock with a time server; if it is right, tell the platform. Signatures are refused from five minutes on."
                : "Several platforms say so: look at this host's own clock, and at its time server. Signatures are refused from five minutes on.")
    }

    private static func schedule(_ fact: AlertFact) -> SeenAlert {
        let name = "the schedule '\(fact.key.split(separator: "/").last ?? "")' of \(fact.place)"
        if fact.code == "unusable" {
            return alert(
                fact, .critical, "\(name) can't be used and runs nothing since \(minute(fact.since)): \(fact.words)",
                fact.remedy.isEmpty ? "State it anew." : fact.remedy)
        }
        let waits = fact.key.hasSuffix("/pull") ? "what the source tells by itself alone comes in" : "\(some(fact.items, "document")) \(fact.items == 1 ? "waits" : "wait") for it"
        return alert(
            fact, .warning, "\(name) has been paused since \(minute(fact.since)): \(waits)",
            "Resume it (`counterfoil flow resume`), or run it once; if it is to stay paused, mute this alert.")
    }

    private static func lag(_ fact: AlertFact, _ bounds: AlertBounds, _ age: Duration) -> SeenAlert {
        let what = switch fact.code {
        case "event": "an event that was not read yet"
        case "case": "a case that is not planned"
        case "posting": "a document that is not sent"
        default: "a job"
        }
        return alert(
            fact, age >= bounds.lag * 4 ? .critical : .warning, "work waits since \(minute(fact.since)); the oldest is \(what)",
            "Look whether a scheduler runs and has room (`--workers`), and at the tenant's jobs.", opens: age >= bounds.lag)
    }

    /// A job that crashes workers comes to its end, or what is at fault is found and held, mostly within seconds; that is told of by itself.
    static let crashFor = Duration.seconds(30)

    private static func crash(_ fact: AlertFact, _ age: Duration) -> SeenAlert {
        let job = fact.code.isEmpty ? "" : " in the midst of: \(fact.code)", times = fact.items == 1 ? "once" : "\(fact.items) times in a row"
        return alert(
            fact, fact.code.isEmpty && fact.items < 3 ? .information : .warning, "a worker of this tenant ended badly \(times)\(job)",
            "Nothing has to be done while it goes on by itself: what is at fault is found and held. Report it if it stays.",
            opens: fact.code.isEmpty || age >= crashFor)
    }

    static func some(_ count: Int, _ what: String) -> String { "\(count) \(what)\(count == 1 ? "" : "s")" }
    private static func are(_ count: Int) -> String { count == 1 ? "is" : "are" }
    private static func words(_ fact: AlertFact) -> String { fact.kinds > 1 ? "\(fact.words) (and \(some(fact.kinds - 1, "other reason")))" : fact.words }
    static func minute(_ at: Timestamp) -> String { Timestamp(seconds: at.seconds / 60 * 60).description }
}

// MARK: - Quotas

extension Observing {
    /// Budgets of shorter windows than this are spent all day long while there is work: that is pacing, not news.
    static let longWindow = Duration.seconds(3600)

    /// What begins anew within less than this is spent between two looks, and nobody could do anything about it.
    static let shortestWindow = Duration.seconds(60)

    /// `nil`: enough is left.
    static func seen(_ quota: QuotaRow, _ bounds: AlertBounds, now: Timestamp) -> SeenAlert? {
        if quota.isRefused, let until = quota.pausedUntil {
            return alert(
                quota, .warning,
                "the budget '\(quota.name)' of \(quota.slug) (\(quota.platform)) is spent: the platform refuses its calls until \(minute(until)), and by our count \(quota.used) of "
                    + "\(quota.amount) are used")
        }
        guard quota.window >= shortestWindow, quota.amount > 0, quota.resetsAt > now, quota.used * 100 >= quota.amount * bounds.quotaPercent else { return nil }
        let percent = min(100, quota.used * 100 / quota.amount), word = quota.isPlatformsWord ? "the platform's word" : "our count"
        var cause = "\(percent) % of the budget '\(quota.name)' of \(quota.slug) (\(quota.platform)) is used, \(quota.used) of \(quota.amount), by \(word)"
        if let ends = ends(quota, now: now) { cause += "; at this pace it is spent at \(minute(ends))" }
        cause += "; it begins anew at \(minute(quota.resetsAt))"
        return alert(quota, quota.window >= longWindow ? .warning : .information, cause)
    }

    /// A budget that all connections of the operator's app share: his own to know of. `nil`: enough is left.
    static func seen(_ quota: AppQuotaRow, _ bounds: AlertBounds, now: Timestamp) -> SeenAlert? {
        let resets = quota.windowStart + quota.window
        guard quota.window >= shortestWindow, quota.amount > 0, resets > now, quota.used * 100 >= quota.amount * bounds.quotaPercent else { return nil }
        var cause = "\(min(100, quota.used * 100 / quota.amount)) % of the budget '\(quota.name)' of the app at \(quota.platform) is used, \(quota.used) of \(quota.amount), by all clients together"
        if let ends = ends(quota.used, quota.amount, quota.windowStart, resets, now: now) { cause += "; at this pace it is spent at \(minute(ends))" }
        cause += "; it begins anew at \(minute(resets))"
        return SeenAlert(
            tenant: AlertOwner.operator.id,
            row: AlertRow(
                key: AlertKey.appQuota(quota.platform, quota.name), severity: quota.window >= longWindow ? .warning : .information, cause: cause,
                remedy: "Nothing is lost: what waits goes on then, for every client. Have clients swept less often (poll_seconds), or ask the platform for more."),
            items: quota.used)
    }

    private static func alert(_ quota: QuotaRow, _ severity: AlertRow.Severity, _ cause: String) -> SeenAlert {
        SeenAlert(
            tenant: quota.tenant,
            row: AlertRow(
                key: AlertKey.quota(quota.connection, quota.name), severity: severity, cause: cause,
                remedy: "Nothing has to be done: what waits goes on then. Sweep less often (poll_seconds), or ask the platform for more."),
            items: quota.used)
    }

    /// When it is spent if it goes on as since the window began; `nil` when it lasts, or is spent already.
    static func ends(_ quota: QuotaRow, now: Timestamp) -> Timestamp? { ends(quota.used, quota.amount, quota.windowStart, quota.resetsAt, now: now) }

    private static func ends(_ used: Int, _ amount: Int, _ began: Timestamp, _ resets: Timestamp, now: Timestamp) -> Timestamp? {
        let passed = (now - began).wholeMicroseconds
        guard used > 0, used < amount, passed > 0 else { return nil }
        let left = (passed / Int64(used)).multipliedReportingOverflow(by: Int64(amount - used))
        guard !left.overflow else { return nil }
        let at = now + .microseconds(left.partialValue)
        return at < resets ? at : nil
    }
}

// MARK: - Silence

extension Observing {
    /// Weeks of history without which nothing is said of silence, and the most that count.
    static let weeksLeast = 2
    static let weeksMost = 4
    /// Usual hours that pass in silence before it is called one.
    static let missedLeast = 3
    /// A source that has never said anything is silent after so many times the floor.
    static let firstWord = 4
    /// So many times the longest quiet of four weeks is a silence, whatever the hours: of a source that says little no hour is usual.
    static let gaps = 3
    private static let hour: Int64 = 3600
    private static let week: Int64 = 7 * 24 * 3600

    /// A source is silent when three hours passed in which something usually comes, or three times its longest quiet, and the floor with them. An hour of
    /// the week is usual when something came in it in three of four of the weeks before.
    static func seen(_ source: QuietSource, _ bounds: AlertBounds, now: Timestamp) -> SeenAlert? {
        let quiet = now - source.lastAt
        guard source.hasSpoken else {
            guard quiet >= bounds.silence * firstWord else { return nil }
            return silent(source, "nothing has ever come from \(source.slug) (\(source.platform)), which was connected at \(minute(source.lastAt))", 1)
        }
        let weeks = min(weeksMost, Int((source.lastAt.seconds - source.knownSince.seconds + hour) / week))
        guard weeks >= weeksLeast, quiet >= bounds.silence else { return nil }
        let usual = Set(source.weeks.filter { $0.value * 4 >= weeks * 3 }.keys)
        let missed = missed(usual, from: source.lastAt, to: now)
        let since = "nothing has come from \(source.slug) (\(source.platform)) since \(minute(source.lastAt))"
        if missed >= missedLeast { return silent(source, "\(since), where something usually comes", missed) }
        guard let gap = source.longestGap, quiet >= gap * gaps else { return nil }
        return silent(source, "\(since); in the four weeks before it was never quiet for longer than \(some(Int(gap.components.seconds / hour) + 1, "hour"))", max(1, missed))
    }

    private static func silent(_ source: QuietSource, _ cause: String, _ items: Int) -> SeenAlert {
        SeenAlert(
            tenant: source.tenant,
            row: AlertRow(
                key: AlertKey.silent(source.connection), severity: .warning, cause: cause,
                remedy: "Look whether the shop sells, whether its webhooks lead here, and whether the connection may still read."),
            items: items)
    }

    /// Whole hours after that of `from` and before that of `to` whose place in the week is usual; at most those of two weeks are looked at.
    static func missed(_ usual: Set<Int>, from: Timestamp, to: Timestamp) -> Int {
        var at = from.seconds / hour + 1
        let end = min(to.seconds / hour, at + 2 * week / hour)
        var count = 0
        while at < end {
            // The first of January 1970 was a Thursday.
            if usual.contains(Int((at + 4 * 24) % (week / hour))) { count += 1 }
            at += 1
        }
        return count
    }
}
