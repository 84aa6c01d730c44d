public import ConnectorKit
public import Kernel
public import Wire

extension StripeConnector {
    /// Names the account where the key is a Connect platform's.
    /// - Source: docs.stripe.com, "Making API calls for connected accounts".
    public func prepare(_ request: HTTPRequest, for connection: ConnectionFacts) -> HTTPRequest {
        guard connection.settings[StripeSettings.connectKey] == "platform" else { return request }
        var out = request
        out.fields["Stripe-Account"] = connection.account
        return out
    }

    /// The account behind the key.
    public func identify(_ connection: ConnectionFacts) -> Exchange<AccountIdentity> {
        .one(StripeCalls.get("account")) { response throws(Fault) in
            let json = try response.json()
            guard let id = StripeID.of(json), id.hasPrefix("acct_") else { throw StripeCalls.unreadable("an account without an id") }
            let names = [json.member("business_profile", "name"), json.member("settings", "dashboard", "display_name"), json["email"]]
            let name = names.compactMap { $0?.string }.first { !$0.isEmpty }
            return AccountIdentity(
                account: id, name: name ?? id, country: json["country"]?.string, currency: json["default_currency"]?.string?.uppercased(),
                timeZone: json.member("settings", "dashboard", "timezone")?.string)
        }
    }

    /// Three lists, one after the other: events that no webhook brought (30 days back), the balance's transactions, payouts. Each is read newest
    /// first; the cursor is the last id of a page, whose kind says which list it is of. Events keep the ids that their webhooks have; of the other
    /// two comes only what to fetch.
    /// - Source: docs.stripe.com, API reference: List all events, List all balance transactions, List all payouts, Pagination.
    public func sweep(since: Timestamp, cursor: String?, _ connection: ConnectionFacts) -> Exchange<SweepPage> {
        let list = SweptList(cursor)
        let call = StripeCalls.get(list.path, list.query(since) + (list.after.map { [("starting_after", $0)] } ?? []))
        return .one(call) { response throws(Fault) in
            let settings = try StripeSettings(connection.settings)
            let document: JSONDocument
            do throws(Fault) { document = try JSONDocument(parsing: response.body) } catch { throw StripeCalls.unreadable("no JSON") }
            let root = document.root
            guard root["data"].isArray else { throw StripeCalls.unreadable("no list of \(list.path)") }
            var page = SweepPage(records: [], next: nil, watermark: nil)
            var days: [String: String] = [:]
            for row in root["data"].elements {
                guard let id = StripeID.of(row) else { throw StripeCalls.unreadable("a row of \(list.path) without an id") }
                switch list.kind {
                case .events:
                    // Of events alone: what the other lists show may be newer than an event that this sweep did not see any more.
                    if let created = row["created"].int, (0 ... StripeLimits.instant).contains(created) {
                        page.watermark = max(page.watermark ?? Timestamp(seconds: 0), Timestamp(seconds: Int64(created)))
                    }
                    guard let topic = row["type"].string, uses(topic: topic) else { continue }
                    page.records.append(RawRecord(topic: topic, deliveryID: id, body: Array(row.rawBytes)))
                case .balance: note(row, id, settings, &page, &days)
                case .payouts: if Self.isDecided(row) { page.records.append(Self.hint(id, as: Self.state(row, id))) }
                }
            }
            for (day, id) in days.sorted(by: { $0.key < $1.key }) { page.records.append(Self.hint("balance:\(day)", as: "balance:\(day):\(id)")) }
            page.next = try list.next(root, before: cursor)
            return page
        }
    }

    /// A row of the balance: what it stands for must be known.
    private func note(_ row: JSONView, _ id: String, _ settings: StripeSettings, _ page: inout SweepPage, _ days: inout [String: String]) {
        let kind = BalanceKind(row)
        // Newest first: the first row of a day is its newest.
        if settings.manualPayouts, kind.isOfStatement, let created = row["created"].int, (0 ... StripeLimits.instant).contains(created) {
            let day = LocalDate(daysSince1970: created / 86_400).description
            if days[day] == nil { days[day] = id }
        }
        guard let source = StripeID.of(row["source"]) else { return }
        switch kind {
        case .charge where row["source"]["object"].string == "charge":
            if !settings.isShops(row["source"]) { page.listed.append(ListedCase(id: source, parts: [ListedCase.Part(kind: "payment", id: source)])) }
        case .refund where settings.sales != .shop:
            page.listed.append(ListedCase(id: source, parts: [ListedCase.Part(kind: "refund", id: source)]))
        case .earning: page.listed.append(ListedCase(id: source, parts: [ListedCase.Part(kind: "payment", id: source)]))
        case .earningRefund:
            guard let fee = StripeID.of(row["source"]["fee"]) else { return }
            page.listed.append(ListedCase(id: fee, parts: [ListedCase.Part(kind: "refund", id: source)]))
        case .dispute: page.listed.append(ListedCase(id: source, parts: [ListedCase.Part(kind: "dispute", id: source)]))
        case .refundFailure where settings.sales != .shop, .chargeFailure where settings.sales != .shop, .disputeReversal, .payoutFailure:
            page.records.append(Self.hint(source, as: id))
        default: break
        }
    }

    /// A record that only says what to fetch.
    private static func hint(_ id: String, as delivery: String) -> RawRecord {
        RawRecord(topic: Topic.hint, deliveryID: delivery, body: JSON.object([("fetch", .string(id))]).bytes)
    }

    /// It will not become anything else by itself, and its rows are complete.
    static func isDecided(_ payout: JSONView) -> Bool {
        ["paid", "failed", "canceled"].contains(payout["status"].string ?? "") && payout["reconciliation_status"].string != "in_progress"
    }

    private static func state(_ payout: JSONView, _ id: String) -> String { "\(id):\(payout["status"].string ?? "")" }
}

/// Topics of records that no webhook brings.
enum Topic {
    static let hint = "hint"
    static let charge = "charge"
    static let invoice = "invoice"
    static let dispute = "dispute"
    static let earning = "application_fee"
    static let payout = "payout"
    static let statement = "balance_day"
}

/// One of the three lists of a sweep, and where in it to go on.
private struct SweptList: Sendable {
    enum Kind: Sendable { case events, balance, payouts }

    var kind: Kind
    var after: String?

    init(_ cursor: String?) {
        switch cursor {
        case nil: kind = .events
        case "balance_transactions": kind = .balance
        case "payouts": kind = .payouts
        case let cursor?:
            kind = cursor.hasPrefix("txn_") ? .balance : cursor.hasPrefix("po_") ? .payouts : .events
            after = cursor
        }
    }

    var path: String {
        switch kind {
        case .events: "events"
        case .balance: "balance_transactions"
        case .payouts: "payouts"
        }
    }

    func query(_ since: Timestamp) -> StripeCalls.Query {
        var out: StripeCalls.Query = [("limit", "\(StripeLimits.pageRows)")]
        switch kind {
        case .events:
            out += StripeConnector.topics.map { ("types[]", $0) }
            out.append(("created[gte]", "\((since - StripeLimits.overlap).seconds)"))
        case .balance: out += [("created[gte]", "\(since.seconds)"), ("expand[]", "data.source")]
        case .payouts: out.append(("created[gte]", "\((since - StripeLimits.payoutsBack).seconds)"))
        }
        return out
    }

    /// Where the next page starts: further down this list, or at the next one.
    func next(_ root: JSONView, before cursor: String?) throws(Fault) -> String? {
        if root["has_more"].bool == true {
            guard let last = root["data"].elements.last.flatMap({ StripeID.of($0) }), last != cursor else {
                throw StripeCalls.unreadable("a page that leads to itself or nowhere")
            }
            return last
        }
        switch kind {
        case .events: return "balance_transactions"
        case .balance: return "payouts"
        case .payouts: return nil
        }
    }
}
