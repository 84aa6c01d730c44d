internal import Books
public import ConnectorKit
internal import Crypto
public import Kernel
internal import Wire

extension WooCommerceConnector {
    /// The shop at that address: name and zone by WordPress' index, country and currency by WooCommerce's general settings, which only a key that may
    /// manage the shop can read.
    public func identify(_ connection: ConnectionFacts) -> Exchange<AccountIdentity> {
        let site: WooSite
        do throws(Fault) { site = WooSite(settings: try WooSettings(connection.settings)) } catch { return .fail(error) }
        return .send(site.get("/")) { response in
            do throws(Fault) {
                let index = try WooBody.object(response)
                guard let home = (index["home"] ?? index["url"])?.string, let host = Self.host(home) else {
                    throw WooBody.unreadable("a site without an address")
                }
                let zone = index["timezone_string"]?.string.flatMap { $0.isEmpty ? nil : $0 }
                let isSame = Self.bare(host) == Self.bare(connection.account)
                let found = AccountIdentity(account: isSame ? connection.account : host, name: index["name"]?.string ?? host, timeZone: zone)
                return .one(site.get("/wc/v3/settings/general")) { response throws(Fault) in
                    var identity = found
                    for row in try WooBody.rows(response) {
                        switch row["id"]?.string {
                        case "woocommerce_currency": identity.currency = row["value"]?.string
                        // `US:CA`.
                        case "woocommerce_default_country": identity.country = row["value"]?.string.map { String($0.prefix { $0 != ":" }) }
                        default: break
                        }
                    }
                    return identity
                }
            } catch { return .fail(error) }
        }
    }

    private static func host(_ url: String) -> String? {
        guard let mark = url.firstRange(of: "://") else { return nil }
        let host = String(url[mark.upperBound...].prefix { $0 != "/" && $0 != ":" && $0 != "?" }).lowercased()
        return host.isEmpty || host.utf8.count > 200 ? nil : host
    }

    private static func bare(_ host: String) -> String {
        let lower = host.lowercased()
        return lower.hasPrefix("www.") ? String(lower.dropFirst(4)) : lower
    }

    /// Orders changed since then, oldest change first, each whole with its refunds; then those in the trash, which no other list shows; then, where
    /// asked for, WooPayments' deposits. The place in a list is the time of the last change seen rather than a page's number: orders that change
    /// meanwhile move to the end, and the rest would move up past us.
    /// - Source: arguments of a running WooCommerce 10.0.2 (`modified_after`, `dates_are_gmt`, `orderby`, `status`, `dp`).
    public func sweep(since: Timestamp, cursor: String?, _ connection: ConnectionFacts) -> Exchange<SweepPage> {
        let site: WooSite
        do throws(Fault) { site = WooSite(settings: try WooSettings(connection.settings)) } catch { return .fail(error) }
        let place = cursor.flatMap(SweepPlace.init) ?? SweepPlace(list: .current, since: since - WooLimits.overlap, page: 1)
        if place.list == .deposits { return deposits(site, since, place) }
        return .send(site.get("/wc/v3/orders", place.query(site.settings.pageRows))) { response in
            do throws(Fault) {
                let rows = try WooBody.rows(response)
                var page = SweepPage(records: [], next: nil, watermark: nil)
                var times: [Timestamp] = []
                for row in rows {
                    guard WooBody.id(row["id"]) != nil, let text = row["date_modified_gmt"]?.string ?? row["date_created_gmt"]?.string,
                        let at = WooTime.instant(text)
                    else { throw WooBody.unreadable("an order without an id or a time of change") }
                    times.append(at)
                }
                if place.list == .current { page.watermark = times.max() }
                let hasMore = WooBody.hasMore(response, after: place.page, rows: rows.count, of: site.settings.pageRows)
                let next = hasMore ? place.following(times) : place.nextList(site.settings, since: since)
                page.next = next?.cursor
                let orders = rows.filter { !OrderRecord.isDraft(WooSettings.status($0["status"]?.string ?? "")) }
                return Self.gather(orders[...], site, page)
            } catch { return .fail(error) }
        }
    }

    /// One order after the other: a page is handed over whole.
    private static func gather(_ left: ArraySlice<JSON>, _ site: WooSite, _ page: SweepPage) -> Exchange<SweepPage> {
        guard let first = left.first else { return .finish(page) }
        return whole(first, site).next { record in
            var page = page
            page.records.append(record)
            return gather(left.dropFirst(), site, page)
        }
    }

    /// One order, whole. Of one that is not there the answer's time is kept: it was deleted by then.
    public func fetch(_ id: String, _ connection: ConnectionFacts) -> Exchange<RawRecord?> {
        guard let number = Int(id), number > 0, "\(number)" == id else {
            return .fail(
                Fault(
                    "invalid_id", stage: .ingest, disposition: .reject, summary: "that is no id of a WooCommerce order",
                    remedy: "Give the order's id as the address of its page shows it; plugins may have given it another number."))
        }
        let site: WooSite
        do throws(Fault) { site = WooSite(settings: try WooSettings(connection.settings)) } catch { return .fail(error) }
        return .send(site.get("/wc/v3/orders/\(id)", [("dp", "6")])) { response in
            do throws(Fault) {
                if response.status == 404 {
                    guard let at = response.date else { return .finish(nil) }
                    let body = JSON.object([("id", .number(id)), ("at", .string(WooTime.text(at)))]).bytes
                    return .finish(RawRecord(topic: WooTopic.gone, deliveryID: "\(WooTopic.gone):\(id)", body: body))
                }
                let order = try WooBody.object(response)
                guard WooBody.id(order["id"]) == id else { throw WooBody.unreadable("another order than \(id)") }
                return Self.whole(order, site).map { Optional($0) }
            } catch { return .fail(error) }
        }
    }

    /// What is of no use here and should not lie around: links by which an order can be paid, and where its customer sat.
    private static let dropped: Set<String> = ["_links", "payment_url", "order_key", "cart_hash", "customer_ip_address", "customer_user_agent"]

    /// Named by what it holds: the same state read twice is one record.
    private static func record(_ topic: String, _ id: String, _ body: [UInt8]) -> RawRecord {
        RawRecord(topic: topic, deliveryID: "\(topic):\(id):\(Digest.sha256(body).hexText.prefix(24))", body: body)
    }

    /// An order with its refunds.
    private static func whole(_ order: JSON, _ site: WooSite) -> Exchange<RawRecord> {
        guard let id = WooBody.id(order["id"]) else { return .fail(WooBody.unreadable("an order without an id")) }
        let kept = JSON.object((order.object ?? []).filter { !dropped.contains($0.key) })
        let record = { @Sendable (refunds: [JSON]) -> RawRecord in
            Self.record(WooTopic.order, id, JSON.object([("order", kept), ("refunds", .array(refunds))]).bytes)
        }
        if order["refunds"]?.array?.isEmpty ?? true { return .finish(record([])) }
        return site.refunds(of: id).map { refunds in
            record(refunds.map { refund in JSON.object((refund.object ?? []).filter { !dropped.contains($0.key) }) })
        }
    }

    /// Deposits of the last two weeks before the sweep's start, newest first, each in the state that it has.
    /// - Source: general knowledge, unconfirmed: `GET payments/deposits` of the plugin WooPayments.
    private func deposits(_ site: WooSite, _ since: Timestamp, _ place: SweepPlace) -> Exchange<SweepPage> {
        let query: WooSite.Query = [
            ("page", "\(place.page)"), ("pagesize", "\(WooLimits.pageRowsMost)"), ("sort", "date"), ("direction", "desc"), ("_", place.cursor),
        ]
        return .one(site.get("/wc/v3/payments/deposits", query)) { response throws(Fault) in
            guard let rows = try WooBody.object(response)["data"]?.array else { throw WooBody.unreadable("no list of deposits") }
            var page = SweepPage(records: [], next: nil, watermark: nil)
            var isOld = false
            let oldest = (since - WooLimits.depositsBack).seconds
            for row in rows {
                guard let id = row["id"]?.string, DepositReading.isID(id), let date = row["date"]?.int else {
                    throw WooBody.unreadable("a deposit without id or date")
                }
                isOld = isOld || Int64(date / 1_000) < oldest
                page.records.append(Self.record(WooTopic.deposit, id, JSON.object([("deposit", row)]).bytes))
            }
            let hasMore = rows.count >= WooLimits.pageRowsMost && !isOld && place.page < WooLimits.depositPages
            if hasMore { page.next = SweepPlace(list: .deposits, since: place.since, page: place.page + 1).cursor }
            return page
        }
    }
}

/// Where in its lists a sweep is. As text: `current.20261114170000.2`, which goes along in the query, so that no page cache gives an old answer.
struct SweepPlace: Sendable, Equatable {
    enum List: String, Sendable { case current, trash, deposits }

    var list: List
    /// Changes after this second.
    var since: Timestamp
    /// From 1.
    var page: Int

    init(list: List, since: Timestamp, page: Int) {
        self.list = list
        self.since = Timestamp(seconds: max(0, since.seconds))
        self.page = page
    }

    /// `nil` for what is none.
    init?(_ cursor: String) {
        let parts = cursor.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let list = List(rawValue: parts[0]), parts[1].utf8.count == 14, parts[1].utf8.allSatisfy({ (48 ... 57).contains($0) }),
            let page = Int(parts[2]), (1 ... 1_000_000).contains(page)
        else { return nil }
        let d = Array(parts[1])
        let day = String(d[0 ..< 4]) + "-" + String(d[4 ..< 6]) + "-" + String(d[6 ..< 8])
        let text = day + "T" + String(d[8 ..< 10]) + ":" + String(d[10 ..< 12]) + ":" + String(d[12...])
        guard let since = WooTime.instant(text) else { return nil }
        self.init(list: list, since: since, page: page)
    }

    var cursor: String { "\(list.rawValue).\(WooTime.text(since).filter(\.isNumber)).\(page)" }

    func query(_ rows: Int) -> WooSite.Query {
        [
            ("status", list == .trash ? "trash" : "any"), ("modified_after", WooTime.text(since)), ("dates_are_gmt", "true"), ("orderby", "modified"),
            ("order", "asc"), ("dp", "6"), ("per_page", "\(rows)"), ("page", "\(page)"), ("_", cursor),
        ]
    }

    /// After a full page whose orders changed at these times: a second before the last one, as long as that leads on.
    func following(_ times: [Timestamp]) -> SweepPlace {
        let isSorted = zip(times, times.dropFirst()).allSatisfy { $0 <= $1 }
        guard isSorted, let last = times.last, last.seconds - 1 > since.seconds else { return SweepPlace(list: list, since: since, page: page + 1) }
        return SweepPlace(list: list, since: Timestamp(seconds: last.seconds - 1), page: 1)
    }

    /// The list after this one.
    func nextList(_ settings: WooSettings, since start: Timestamp) -> SweepPlace? {
        switch list {
        case .current: SweepPlace(list: .trash, since: start - WooLimits.overlap, page: 1)
        case .trash: settings.readsDeposits ? SweepPlace(list: .deposits, since: start - WooLimits.overlap, page: 1) : nil
        case .deposits: nil
        }
    }
}
