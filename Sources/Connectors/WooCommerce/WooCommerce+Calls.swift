internal import ConnectorKit
internal import Kernel
internal import Wire

/// Where a shop's API is, and the calls to it.
struct WooSite: Sendable {
    typealias Query = [(name: String, value: String)]

    let settings: WooSettings

    /// `route`: `/wc/v3/orders`.
    func get(_ route: String, _ query: Query = []) -> Call {
        Call(.read, HTTPRequest(.get, target(route, query)), cost: [WooCommerceConnector.bucket: 1])
    }

    func post(_ route: String, _ body: JSON) -> Call {
        let request = HTTPRequest(.post, target(route, []), fields: ["Content-Type": "application/json"], body: body.bytes)
        return Call(.write, request, cost: [WooCommerceConnector.bucket: 1])
    }

    private func target(_ route: String, _ query: Query) -> String {
        let pairs = Form.encode(query)
        if settings.isPlain { return settings.path + "/?rest_route=" + Form.percent(route) + (pairs.isEmpty ? "" : "&" + pairs) }
        return settings.path + "/wp-json" + route + (pairs.isEmpty ? "" : "?" + pairs)
    }

    /// All refunds of an order, with as many places as the shop computed.
    func refunds(of order: String) -> Exchange<[JSON]> { refunds(of: order, page: 1, []) }

    private func refunds(of order: String, page: Int, _ before: [JSON]) -> Exchange<[JSON]> {
        let query: Query = [
            ("dp", "6"), ("orderby", "id"), ("order", "asc"), ("per_page", "\(WooLimits.pageRowsMost)"), ("page", "\(page)"),
        ]
        return .send(get("/wc/v3/orders/\(order)/refunds", query)) { response in
            do throws(Fault) {
                let rows = try WooBody.rows(response)
                let all = before + rows
                guard WooBody.hasMore(response, after: page, rows: rows.count, of: WooLimits.pageRowsMost) else { return .finish(all) }
                guard page < WooLimits.refundPages else {
                    throw Fault(
                        "too_many_parts", stage: .ingest, disposition: .hold, summary: "order \(order) has more refunds than are read of one",
                        remedy: "Enter this order by hand.", position: "refunds")
                }
                return refunds(of: order, page: page + 1, all)
            } catch { return .fail(error) }
        }
    }
}

/// Answers of a shop: JSON, sometimes behind what a plugin printed first.
enum WooBody {
    /// The JSON of an answer. Warnings of PHP that stand before it are cut away, and a byte order mark. What is torn is none: an inner list of it
    /// must not pass for the whole, so JSON begins at the first bracket, on a line of its own, or behind a tag.
    static func json(_ response: HTTPResponse) -> JSON? { json(response.body) }

    static func json(_ body: [UInt8]) -> JSON? {
        if let whole = parsed(body[...]) { return whole }
        guard let start = body.first(where: { $0 > 32 }), !isBracket(start) else { return nil }
        var isFirst = true
        var tried = 0
        for at in body.indices.prefix(WooLimits.noiseBytes) where isBracket(body[at]) {
            guard isFirst || body[at - 1] == 10 || body[at - 1] == UInt8(ascii: ">") else { continue }
            isFirst = false
            if let json = parsed(body[at...]) { return json }
            tried += 1
            if tried == WooLimits.noiseStarts { return nil }
        }
        return nil
    }

    private static func isBracket(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") }

    private static func parsed(_ bytes: ArraySlice<UInt8>) -> JSON? {
        do throws(Fault) { return try JSON(parsing: Array(bytes)) } catch { return nil }
    }

    static func rows(_ response: HTTPResponse) throws(Fault) -> [JSON] {
        guard let rows = json(response)?.array else { throw unreadable("no list") }
        return rows
    }

    static func object(_ response: HTTPResponse) throws(Fault) -> JSON {
        guard let json = json(response), json.object != nil else { throw unreadable("no object") }
        return json
    }

    /// Whether there is a page after this one. The header counts where there is one: some plugins leave rows out of a page.
    /// - Source: woocommerce-rest-api-docs, `_introduction.md`, Pagination (X-WP-TotalPages).
    static func hasMore(_ response: HTTPResponse, after page: Int, rows: Int, of size: Int) -> Bool {
        guard let text = response.fields["X-WP-TotalPages"], let pages = Int(text), pages >= 0 else { return rows >= size }
        return page < pages
    }

    /// Digits, as ids of WordPress are.
    static func id(_ json: JSON?) -> String? {
        guard let number = json?.int, number > 0 else { return nil }
        return "\(number)"
    }

    static func unreadable(_ why: String) -> Fault {
        Fault(
            "unreadable_answer", stage: .ingest, disposition: .retry, summary: "an answer of the WooCommerce shop can't be read: \(why)",
            remedy: "Tried again by itself; if it stays, look at the shop's page caches and plugins.")
    }
}
