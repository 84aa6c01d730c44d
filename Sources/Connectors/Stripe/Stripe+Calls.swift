internal import ConnectorKit
internal import Kernel
internal import Wire

/// Stripe's ids: letters, digits and underscores, opaque but for what stands before the first underscore.
enum StripeID {
    static func isID(_ text: String) -> Bool {
        (1 ... StripeLimits.idBytes).contains(text.utf8.count)
            && text.utf8.allSatisfy { (48 ... 57).contains($0) || (65 ... 90).contains($0) || (97 ... 122).contains($0) || $0 == 95 }
    }

    /// `ch` of `ch_3QLp…`.
    static func kind(_ id: String) -> String { String(id.prefix { $0 != "_" }) }

    /// Of something that may be an id or the object itself.
    static func of(_ view: JSONView) -> String? { (view.string ?? view["id"].string).flatMap { isID($0) ? $0 : nil } }
    static func of(_ json: JSON?) -> String? { (json?.string ?? json?["id"]?.string).flatMap { isID($0) ? $0 : nil } }
}

/// Calls of the API.
enum StripeCalls {
    typealias Query = [(name: String, value: String)]

    static func get(_ path: String, _ query: Query = []) -> Call {
        let target = "/v1/" + path + (query.isEmpty ? "" : "?" + Form.encode(query))
        return Call(.read, HTTPRequest(.get, target), cost: [StripeConnector.bucket: 1])
    }

    /// One object; `nil` where there is none.
    static func object(_ path: String, _ query: Query = []) -> Exchange<JSON?> {
        .one(get(path, query)) { response throws(Fault) in
            if response.status == 404 { return nil }
            let json = try response.json()
            guard json.object != nil else { throw unreadable("no object") }
            return json
        }
    }

    /// All of a list, newest first.
    static func list(_ path: String, _ query: Query = [], pages: Int = StripeLimits.listPages) -> Exchange<[JSON]> {
        let paging = Paging.lastID(at: ["id"], query: "starting_after", more: ["has_more"])
        return .pages(get(path, query + [("limit", "\(StripeLimits.pageRows)")]), paging, records: ["data"], most: pages)
    }

    /// A list that begins inside of an object, and is only read where it goes on.
    static func rest(_ list: JSON?, _ path: String) -> Exchange<[JSON]> {
        guard let data = list?["data"]?.array, list?["has_more"]?.bool != true else { return self.list(path) }
        return .finish(data)
    }

    static func unreadable(_ why: String) -> Fault {
        Fault(
            "unreadable_answer", stage: .ingest, disposition: .retry, summary: "an answer of Stripe can't be read: \(why)",
            remedy: "Tried again by itself; report it if it stays.")
    }
}
