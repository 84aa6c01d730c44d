internal import Crypto
internal import Kernel
internal import TwinKit
internal import Wire

/// All the twin remembers. Mutations go through the tables, which can undo them until `commit`.
struct XeroState: Sendable {
    var accounts = XeroTable<XeroAccount>()
    var contacts = XeroTable<XeroContact>()
    var items = XeroTable<XeroItem>()
    var trackings = XeroTable<XeroTracking>()
    var currencies = XeroTable<XeroCurrency>()
    var documents = XeroTable<XeroDocument>()
    var payments = XeroTable<XeroPayment>()
    var manualJournals = XeroTable<XeroManualJournal>()
    var bankTransactions = XeroTable<XeroBankTransaction>()
    var orders = XeroTable<XeroPurchaseOrder>()
    var attachmentsTable = XeroTable<XeroAttachment>()
    var hooks = XeroTable<XeroHook>()
    var settingsTable = XeroTable<XeroSettings>()
    var grants = XeroTable<XeroGrant>()
    var sessions = XeroTable<XeroSession>()
    var answers = XeroTable<XeroStoredAnswer>()

    /// Webhooks on their way, and the contents of attachments.
    var queue = WebhookQueue()
    var contents = TwinContents()
    /// The moment of the last call.
    var now = XeroSeed.founded
    /// Somebody at the organisation's own screens is at work.
    var isByHand = false
    var unknownProperties: [String: Int] = [:]
    var meter: XeroMeter
    /// Codes of the authorisation page, each good for one exchange; not journalled, they live for minutes.
    var codes: [String: XeroCode] = [:]

    init(limits: XeroLimits) {
        meter = XeroMeter(limits: limits)
        for account in XeroSeed.accounts { accounts.seed(account) }
        currencies.seed(XeroCurrency(code: "GBP", name: "British Pound"))
        currencies.seed(XeroCurrency(code: "EUR", name: "Euro"))
        settingsTable.seed(XeroSettings())
        grants.seed(XeroGrant(id: XeroSeed.refreshToken, issued: Timestamp(microseconds: 0)))
    }

    var settings: XeroSettings { settingsTable["settings"] ?? XeroSettings() }

    func account(code: String) -> XeroAccount? { accounts.find("code:" + code.lowercased()).first }

    mutating func replay(_ record: JSON) {
        _ =
            accounts.replay(record) || contacts.replay(record) || items.replay(record) || trackings.replay(record)
            || currencies.replay(record) || documents.replay(record) || payments.replay(record)
            || manualJournals.replay(record) || bankTransactions.replay(record) || settingsTable.replay(record)
            || grants.replay(record) || sessions.replay(record) || answers.replay(record) || orders.replay(record)
            || attachmentsTable.replay(record) || hooks.replay(record) || queue.replay(record) || contents.replay(record)
    }

    /// After the last record: drops answers that were too old already when the newest one was given.
    mutating func replayed() {
        guard let newest = answers.all.map(\.at).max() else { return }
        answers.forget { $0.at + XeroIdempotency.life < newest }
    }

    var changes: [JSON] {
        let objects = accounts.changes + contacts.changes + items.changes + trackings.changes + currencies.changes
        let money = documents.changes + payments.changes + manualJournals.changes + bankTransactions.changes
        let papers = orders.changes + attachmentsTable.changes + hooks.changes + queue.changes
        // Contents of files go before what refers to them.
        return contents.changes + objects + money + papers + settingsTable.changes + grants.changes + sessions.changes + answers.changes
    }

    mutating func commit() {
        accounts.commit()
        contacts.commit()
        items.commit()
        trackings.commit()
        currencies.commit()
        documents.commit()
        payments.commit()
        manualJournals.commit()
        bankTransactions.commit()
        settingsTable.commit()
        grants.commit()
        sessions.commit()
        answers.commit()
        orders.commit()
        attachmentsTable.commit()
        hooks.commit()
        queue.commit()
        contents.commit()
    }

    mutating func rollback() {
        accounts.rollback()
        contacts.rollback()
        items.rollback()
        trackings.rollback()
        currencies.rollback()
        documents.rollback()
        payments.rollback()
        manualJournals.rollback()
        bankTransactions.rollback()
        settingsTable.rollback()
        grants.rollback()
        sessions.rollback()
        answers.rollback()
        orders.rollback()
        attachmentsTable.rollback()
        hooks.rollback()
        queue.rollback()
        contents.rollback()
    }

    /// Counts properties of a sent object that its kind does not have.
    mutating func count(_ element: XeroElement, _ kind: String) {
        guard let known = XeroNames.known(kind) else { return }
        for (key, _) in element.json.object ?? [] where !known.contains(key) {
            let name = "\(kind).\(key)"
            // A bound on memory, should somebody send ever new names.
            guard unknownProperties[name] != nil || unknownProperties.count < 1000 else { continue }
            unknownProperties[name, default: 0] += 1
        }
    }
}

/// What a code of the consent page stands for.
struct XeroCode: Sendable {
    /// Where the browser was sent: the exchange has to name the same.
    var redirect: String
    var challenge: String?
    /// Tenant ids.
    var organisations: Set<String>
}

/// The rules of the `Idempotency-Key` header.
enum XeroIdempotency {
    /// How long an answer is kept.
    static let life: Duration = .seconds(360)
    /// - Source: xero_accounting.yaml, parameter idempotencyKey.
    static let keyCharacters = 128

    /// What makes two calls the same: method, target and body.
    static func digest(_ request: HTTPRequest) -> String {
        Digest.sha256(Array("\(request.method.rawValue) \(request.target)\n".utf8) + request.body).hexText
    }
}

/// Fixed windows that begin with the first call after the last one ended. In memory only: a restarted twin begins a
/// new window, which a client can't tell from one that ended by itself.
struct XeroMeter: Sendable {
    private struct Window: Sendable {
        let seconds: Int64
        let most: Int
        var start = Timestamp(microseconds: Int64.min / 2)
        var used = 0

        init(seconds: Int64, most: Int) {
            self.seconds = seconds
            self.most = most
        }

        mutating func roll(_ now: Timestamp) {
            if now < start || now >= start + .seconds(seconds) {
                start = now
                used = 0
            }
        }

        var remaining: Int { max(0, most - used) }
        func secondsLeft(_ now: Timestamp) -> Int64 { max(1, seconds - (now.seconds - start.seconds)) }
    }

    let bodyBytes: Int
    let attachmentBytes: Int
    let highVolumeRows: Int
    /// So many calls to come find five others in flight.
    var crowd = 0
    private var minute: Window
    private var day: Window
    private var appMinute: Window

    init(limits: XeroLimits) {
        bodyBytes = limits.bodyBytes
        attachmentBytes = limits.attachmentBytes
        highVolumeRows = limits.highVolumeRows
        minute = Window(seconds: 60, most: limits.callsPerMinute)
        day = Window(seconds: 86_400, most: limits.callsPerDay)
        appMinute = Window(seconds: 60, most: limits.appCallsPerMinute)
    }

    /// Counts one call, or answers 429.
    mutating func admit(_ now: Timestamp) -> HTTPResponse? {
        minute.roll(now)
        day.roll(now)
        appMinute.roll(now)
        guard crowd == 0 else {
            crowd -= 1
            var response = HTTPResponse(429)
            response.fields["X-Rate-Limit-Problem"] = "concurrent"
            describe(&response)
            return response
        }
        let windows: [(String, Window)] = [("day", day), ("minute", minute), ("appminute", appMinute)]
        for (problem, window) in windows where window.remaining == 0 {
            var response = HTTPResponse(429)
            response.fields["X-Rate-Limit-Problem"] = problem
            response.fields["Retry-After"] = String(window.secondsLeft(now))
            describe(&response)
            return response
        }
        minute.used += 1
        day.used += 1
        appMinute.used += 1
        return nil
    }

    /// Spends a window but for so many calls; false where there is no such window.
    mutating func spend(_ window: String, left: Int, at now: Timestamp) -> Bool {
        minute.roll(now)
        day.roll(now)
        appMinute.roll(now)
        switch window {
        case "minute": minute.used = max(0, minute.most - left)
        case "day": day.used = max(0, day.most - left)
        case "appminute": appMinute.used = max(0, appMinute.most - left)
        default: return false
        }
        return true
    }

    func describe(_ response: inout HTTPResponse) {
        response.fields["X-AppMinLimit-Remaining"] = String(appMinute.remaining)
        response.fields["X-MinLimit-Remaining"] = String(minute.remaining)
        response.fields["X-DayLimit-Remaining"] = String(day.remaining)
    }
}
