public import ConnectorKit
public import Kernel
internal import Wire

extension SquareConnector {
    /// The seller behind the token, by the first of its open locations.
    public func identify(_ connection: ConnectionFacts) -> Exchange<AccountIdentity> {
        .one(SquareCalls.get("locations")) { response throws(Fault) in
            let all = try response.json()["locations"]?.array ?? []
            let own = all.first { $0["status"]?.string == "ACTIVE" } ?? all.first
            guard let own, let merchant = SquareID.named(own["merchant_id"]) else { throw SquareCalls.unreadable("no location with its merchant") }
            return AccountIdentity(
                account: merchant, name: own["business_name"]?.string ?? own["name"]?.string ?? merchant, country: own["country"]?.string,
                currency: own["currency"]?.string, timeZone: own["timezone"]?.string)
        }
    }

    /// Several lists, one after the other, each from its own page on: refunds of all locations; orders, ten locations at a time; payments of each
    /// location, whose orders are read by their ids, because searching shows orders late; disputes; payouts and cash drawers of each location.
    /// Orders that tell all of themselves come as they are; of the others, and of what else has parts, comes only what to fetch.
    /// - Source: developer.squareup.com, API reference: ListPaymentRefunds, SearchOrders, ListPayments, BatchRetrieveOrders, ListDisputes,
    ///   ListPayouts, ListCashDrawerShifts; "Pagination".
    public func sweep(since: Timestamp, cursor: String?, _ connection: ConnectionFacts) -> Exchange<SweepPage> {
        let settings: SquareSettings
        do throws(Fault) { settings = try SquareSettings(connection.settings) } catch { return .fail(error) }
        return Sweeping(since: Timestamp(seconds: (since - SquareLimits.overlap).seconds), settings: settings).page(SweepPlace(cursor))
    }
}

/// Where a sweep is. The first list's places are Square's own; those of the others name the list.
struct SweepPlace: Sendable, Equatable {
    enum List: String, Sendable { case refunds, orders, payments, disputes, payouts, drawers }

    var list = List.refunds
    /// Which location, or which ten of them.
    var index = 0
    /// Seconds: when the sweep looked at orders first. What is seen later may be newer than what an earlier page did not see any more.
    var horizon: Int64?
    var after: String?

    init(_ cursor: String?) {
        guard let cursor else { return }
        after = cursor
        guard cursor.hasPrefix("@") else { return }
        let parts = cursor.dropFirst().split(separator: ".", maxSplits: 3, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 4, let list = List(rawValue: parts[0]), list != .refunds, let index = Int(parts[1]), (0 ..< SquareLimits.locations).contains(index)
        else { return }
        (self.list, self.index, horizon, after) = (list, index, Int64(parts[2]), parts[3].isEmpty ? nil : parts[3])
    }

    var text: String {
        list == .refunds ? after ?? "" : "@\(list.rawValue).\(index).\(horizon.map(String.init) ?? "-").\(after ?? "")"
    }

    func at(_ list: List, _ index: Int = 0) -> SweepPlace {
        var out = self
        (out.list, out.index, out.after) = (list, index, nil)
        return out
    }
}

/// One page of a sweep.
struct Sweeping: Sendable {
    let since: Timestamp
    let settings: SquareSettings

    func page(_ place: SweepPlace) -> Exchange<SweepPage> {
        switch place.list {
        case .refunds: return refunds(place)
        case .disputes: return disputes(place)
        case .orders, .payments, .payouts, .drawers:
            return SquareCalls.locations(settings).next { locations in
                let per = place.list == .orders ? SquareLimits.locationsPerSearch : 1
                let (first, whole) = place.index.multipliedReportingOverflow(by: per)
                guard !whole, first < locations.count else { return .finish(SweepPage(records: [], next: following(place, nil), watermark: nil)) }
                let own = Array(locations[first ..< min(locations.count, first + per)])
                let following = first + per < locations.count ? place.at(place.list, place.index + 1).text : following(place, nil)
                switch place.list {
                case .orders: return orders(place, own, following)
                case .payments: return payments(place, own, following)
                case .payouts: return payouts(place, own, following)
                default: return drawers(place, own, following)
                }
            }
        }
    }

    /// The list that comes after this one; its own next page first.
    private func following(_ place: SweepPlace, _ cursor: String?) -> String? {
        if let cursor {
            var out = place
            out.after = cursor
            return out.text
        }
        switch place.list {
        case .refunds: return place.at(.orders).text
        case .orders: return place.at(.payments).text
        case .payments: return place.at(.disputes).text
        case .disputes: return place.at(.payouts).text
        case .payouts: return settings.readsDrawers ? place.at(.drawers).text : nil
        case .drawers: return nil
        }
    }

    private func answer(_ response: HTTPResponse) throws(Fault) -> JSONView {
        do throws(Fault) { return try JSONDocument(parsing: response.body).root } catch { throw SquareCalls.unreadable("no JSON") }
    }

    /// An empty list is left out of an answer.
    private func rows(_ root: JSONView, _ name: StaticString) throws(Fault) -> [JSONView] {
        guard root[name].isNull || root[name].isArray else { throw SquareCalls.unreadable("no list of \(name)") }
        return root[name].elements
    }

    private func id(_ row: JSONView, _ what: String) throws(Fault) -> String {
        guard let id = SquareID.named(row["id"]) else { throw SquareCalls.unreadable("a row of \(what) without an id") }
        return id
    }

    private func wants(_ row: JSONView) -> Bool { settings.wants(row["location_id"].string) }

    private func query(_ place: SweepPlace, _ more: SquareCalls.Query) -> SquareCalls.Query {
        [("limit", "\(SquareLimits.pageRows)")] + more + (place.after.map { [("cursor", $0)] } ?? [])
    }

    private var changed: SquareCalls.Query { [("updated_at_begin_time", since.description), ("sort_field", "UPDATED_AT"), ("sort_order", "ASC")] }

    // MARK: Of all locations

    private func refunds(_ place: SweepPlace) -> Exchange<SweepPage> {
        .one(SquareCalls.get("refunds", query(place, changed))) { response throws(Fault) in
            let root = try answer(response)
            var page = SweepPage(records: [], next: nil, watermark: nil)
            for row in try rows(root, "refunds") where wants(row) {
                let id = try id(row, "refunds")
                let state = "\(row["status"].string ?? ""):\(row["updated_at"].string ?? "")"
                page.records.append(SquareCalls.hint(SquareID.named(row["order_id"]) ?? "\(FetchedID.Kind.refund):\(id)", as: "\(id):\(state)"))
            }
            let next = try SquareCalls.cursor(root["cursor"].string, after: place.after)
            guard next?.hasPrefix("@") != true else { throw SquareCalls.unreadable("a page's name that begins with @") }
            page.next = following(place, next)
            return page
        }
    }

    /// All of them each time, because they can't be asked for by time; few sellers have many.
    private func disputes(_ place: SweepPlace) -> Exchange<SweepPage> {
        let call = SquareCalls.get("disputes", place.after.map { [("cursor", $0)] } ?? [])
        return .one(call) { response throws(Fault) in
            let root = try answer(response)
            var page = SweepPage(records: [], next: nil, watermark: nil)
            for row in try rows(root, "disputes") where wants(row) {
                guard let id = SquareID.named(row["id"]) ?? SquareID.named(row["dispute_id"]) else { throw SquareCalls.unreadable("a dispute without an id") }
                if let at = row["updated_at"].string.flatMap({ Timestamp(rfc3339: $0) }), at < since { continue }
                page.records.append(SquareCalls.hint("\(FetchedID.Kind.dispute):\(id)", as: "\(row["state"].string ?? ""):\(row["updated_at"].string ?? "")"))
            }
            page.next = following(place, try SquareCalls.cursor(root["cursor"].string, after: place.after))
            return page
        }
    }

    // MARK: Orders

    private func orders(_ place: SweepPlace, _ locations: [JSON], _ after: String?) -> Exchange<SweepPage> {
        let states: [JSON] = ["COMPLETED"] + (settings.takesOpenOrders ? ["OPEN", "CANCELED"] : [])
        let filter: JSON = ["state_filter": ["states": .array(states)], "date_time_filter": ["updated_at": ["start_at": .string(since.description)]]]
        var body: [(key: String, value: JSON)] = [
            ("location_ids", .array(locations.map { $0["id"] ?? .null })),
            ("query", ["filter": filter, "sort": ["sort_field": "UPDATED_AT", "sort_order": "ASC"]]),
            ("limit", .number("\(SquareLimits.orderRows)")), ("return_entries", false),
        ]
        if let cursor = place.after { body.append(("cursor", .string(cursor))) }
        return .one(SquareCalls.ask("orders/search", .object(body))) { response throws(Fault) in
            let root = try answer(response)
            var here = place
            if here.horizon == nil { here.horizon = response.fields["Date"].flatMap { Self.seconds($0) } }
            var page = SweepPage(records: [], next: nil, watermark: nil)
            for order in try rows(root, "orders") { try note(order, locations, here, &page) }
            let next = try SquareCalls.cursor(root["cursor"].string, after: place.after)
            let leap = after.map { SweepPlace($0) }.map { step in
                var out = step
                out.horizon = here.horizon
                return out.text
            }
            page.next = next == nil ? leap : following(here, next)
            return page
        }
    }

    private func note(_ order: JSONView, _ locations: [JSON], _ place: SweepPlace, _ page: inout SweepPage) throws(Fault) {
        let id = try id(order, "orders")
        let changed = order["updated_at"].string.flatMap { Timestamp(rfc3339: $0) }
        if let changed {
            let seen = place.horizon.map { min(changed, Timestamp(seconds: $0)) } ?? changed
            page.watermark = page.watermark.map { max($0, seen) } ?? seen
        }
        guard wants(order), settings.takesOpenOrders || order["state"].string == "COMPLETED" else { return }
        if Gathering.needsMore(order) {
            page.records.append(SquareCalls.hint(id, as: order["updated_at"].string ?? ""))
            return
        }
        let tree = order.tree
        let location = locations.first { $0["id"]?.string == order["location_id"].string }
        let isNamed = SquareID.named(order["location_id"]).map { settings.place(of: $0) != nil } ?? false
        let place: Gathering.Members = location.map { Gathering.isTaxed(tree) && !isNamed ? [("location", $0)] : [] } ?? []
        page.records.append(SquareCalls.record(Topic.order, id, [("order", tree)] + place))
    }

    /// `Sun, 22 Nov 2026 08:49:37 GMT`.
    private static func seconds(_ text: String) -> Int64? {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let words = text.split(separator: " ").map(String.init)
        guard words.count == 6, words[5] == "GMT", words[1].utf8.count == 2, let month = months.firstIndex(of: words[2]) else { return nil }
        let number = month < 9 ? "0\(month + 1)" : "\(month + 1)"
        return Timestamp(rfc3339: "\(words[3])-\(number)-\(words[1])T\(words[4])Z")?.seconds
    }

    // MARK: Of each location

    /// What was paid or failed since then: its orders, all at once.
    private func payments(_ place: SweepPlace, _ own: [JSON], _ after: String?) -> Exchange<SweepPage> {
        let location = own.first?["id"] ?? .null
        return .send(SquareCalls.get("payments", query(place, [("location_id", location.string ?? "")] + changed))) { response in
            do throws(Fault) {
                let root = try answer(response)
                var page = SweepPage(records: [], next: nil, watermark: nil)
                var orders: [String] = []
                for row in try rows(root, "payments") where ["COMPLETED", "FAILED"].contains(row["status"].string ?? "") {
                    let id = try id(row, "payments")
                    if let order = SquareID.named(row["order_id"]) {
                        if !orders.contains(order) { orders.append(order) }
                    } else {
                        page.records.append(SquareCalls.hint("\(FetchedID.Kind.payment):\(id)", as: row["updated_at"].string ?? ""))
                    }
                }
                let next = try SquareCalls.cursor(root["cursor"].string, after: place.after)
                page.next = next == nil ? after : following(place, next)
                guard !orders.isEmpty else { return .finish(page) }
                return retrieve(orders, own, page)
            } catch { return .fail(error) }
        }
    }

    private func retrieve(_ orders: [String], _ own: [JSON], _ before: SweepPage) -> Exchange<SweepPage> {
        let body: JSON = ["location_id": own.first?["id"] ?? .null, "order_ids": .array(orders.prefix(SquareLimits.pageRows).map { .string($0) })]
        return .one(SquareCalls.ask("orders/batch-retrieve", body)) { response throws(Fault) in
            var page = before
            for order in try rows(try answer(response), "orders") { try note(order, own, SweepPlace(nil), &page) }
            // Orders that a search has not shown yet say nothing about how far it came.
            page.watermark = nil
            return page
        }
    }

    private func payouts(_ place: SweepPlace, _ own: [JSON], _ after: String?) -> Exchange<SweepPage> {
        let own: SquareCalls.Query = [
            ("location_id", own.first?["id"]?.string ?? ""), ("begin_time", (since - SquareLimits.payoutsBack).description), ("sort_order", "ASC"),
        ]
        return .one(SquareCalls.get("payouts", query(place, own))) { response throws(Fault) in
            let root = try answer(response)
            var page = SweepPage(records: [], next: nil, watermark: nil)
            for row in try rows(root, "payouts") where PayoutReading.isDecided(row, settings) {
                page.records.append(SquareCalls.hint("\(FetchedID.Kind.payout):\(try id(row, "payouts"))", as: row["status"].string ?? ""))
            }
            let next = try SquareCalls.cursor(root["cursor"].string, after: place.after)
            page.next = next == nil ? after : following(place, next)
            return page
        }
    }

    private func drawers(_ place: SweepPlace, _ own: [JSON], _ after: String?) -> Exchange<SweepPage> {
        let location = own.first?["id"] ?? .null
        let own: SquareCalls.Query = [
            ("location_id", location.string ?? ""), ("begin_time", (since - SquareLimits.drawersBack).description), ("sort_order", "ASC"),
        ]
        return .one(SquareCalls.get("cash-drawers/shifts", query(place, own))) { response throws(Fault) in
            let root = try answer(response)
            var page = SweepPage(records: [], next: nil, watermark: nil)
            for row in try rows(root, "cash_drawer_shifts") where row["state"].string == "CLOSED" {
                page.records.append(SquareCalls.record(Topic.drawer, try id(row, "cash drawer shifts"), [("shift", row.tree), ("location", location)]))
            }
            let next = try SquareCalls.cursor(root["cursor"].string, after: place.after)
            page.next = next == nil ? after : following(place, next)
            return page
        }
    }
}
