internal import ConnectorKit
internal import Crypto
internal import Kernel
internal import Wire

/// Calls of the API.
enum SquareCalls {
    typealias Query = [(name: String, value: String)]

    static func get(_ path: String, _ query: Query = []) -> Call {
        let target = "/v2/" + path + (query.isEmpty ? "" : "?" + Form.encode(query))
        return Call(.read, HTTPRequest(.get, target), cost: [SquareConnector.bucket: 1])
    }

    /// A question that Square wants in a body.
    static func ask(_ path: String, _ body: JSON) -> Call {
        let request = HTTPRequest(.post, "/v2/" + path, fields: ["Content-Type": "application/json"], body: body.bytes)
        return Call(.read, request, cost: [SquareConnector.bucket: 1])
    }

    /// The member `name` of an answer; `nil` where there is no such object.
    static func object(_ path: String, _ name: String) -> Exchange<JSON?> {
        .one(get(path)) { response throws(Fault) in
            if response.status == 404 { return nil }
            let json = try response.json()
            guard let object = json[name], object.object != nil else { throw unreadable("no \(name)") }
            return object
        }
    }

    /// All of a list. One that is empty has no member `name`.
    static func list(_ path: String, _ name: String, _ query: Query, pages: Int = SquareLimits.listPages) -> Exchange<[JSON]> {
        page(path, name, query, cursor: nil, left: pages, [])
    }

    private static func page(_ path: String, _ name: String, _ query: Query, cursor: String?, left: Int, _ before: [JSON]) -> Exchange<[JSON]> {
        .send(get(path, query + (cursor.map { [("cursor", $0)] } ?? []))) { response in
            do throws(Fault) {
                let json = try response.json()
                let all = before + (try rows(json, name))
                guard let next = try self.cursor(json["cursor"]?.string, after: cursor) else { return .finish(all) }
                guard left > 1 else { return .fail(tooLong(name)) }
                return page(path, name, query, cursor: next, left: left - 1, all)
            } catch { return .fail(error) }
        }
    }

    private static func rows(_ json: JSON, _ name: String) throws(Fault) -> [JSON] {
        guard let list = json[name], !list.isNull else { return [] }
        guard let rows = list.array else { throw unreadable("no list of \(name)") }
        return rows
    }

    /// Where a list goes on; `nil` at its end.
    static func cursor(_ next: String?, after before: String?) throws(Fault) -> String? {
        guard let next, !next.isEmpty else { return nil }
        guard next != before else { throw unreadable("a page that leads to itself") }
        return next
    }

    /// The seller's places of business, those that count by the settings, in one order; what of them matters.
    static func locations(_ settings: SquareSettings) -> Exchange<[JSON]> {
        .one(get("locations")) { response throws(Fault) in
            let all = try rows(try response.json(), "locations")
            guard all.count <= SquareLimits.locations else { throw tooLong("locations") }
            let own = all.filter { SquareID.of($0).map { settings.wants($0) } ?? false }
            return own.sorted { ($0["id"]?.string ?? "") < ($1["id"]?.string ?? "") }.map(trimmed)
        }
    }

    /// Opening hours and the like would make one order look changed when they change.
    private static func trimmed(_ location: JSON) -> JSON {
        let address = location["address"]
        return .object([
            ("id", location["id"] ?? .null), ("country", location["country"] ?? .null), ("currency", location["currency"] ?? .null),
            ("state", address?["administrative_district_level_1"] ?? .null),
        ])
    }

    /// Named by what it holds: the same state read twice is one record.
    static func record(_ topic: String, _ id: String, _ members: [(key: String, value: JSON)]) -> RawRecord {
        let body = JSON.object(members).bytes
        return RawRecord(topic: topic, deliveryID: "\(topic):\(id):\(Digest.sha256(body).hexText.prefix(24))", body: body)
    }

    /// A record that only says what to fetch.
    static func hint(_ id: String, as state: String) -> RawRecord {
        RawRecord(topic: Topic.hint, deliveryID: "hint:\(id):\(state)", body: JSON.object([("fetch", .string(id))]).bytes)
    }

    static func unreadable(_ why: String) -> Fault {
        Fault(
            "unreadable_answer", stage: .ingest, disposition: .retry, summary: "an answer of Square can't be read: \(why)",
            remedy: "Tried again by itself; report it if it stays.")
    }

    static func tooLong(_ what: String) -> Fault {
        Fault(
            "list_too_long", stage: .ingest, disposition: .hold, summary: "Square's list of \(what) has more than are read of one",
            remedy: "Enter by hand what it belongs to, and report it.", position: what)
    }
}

/// Topics of records that no webhook brings.
enum Topic {
    static let hint = "hint"
    static let order = "order"
    static let payment = "payment"
    static let refund = "refund"
    static let dispute = "dispute"
    static let payout = "payout"
    static let drawer = "cash_drawer_shift"
}
