internal import Kernel
internal import TwinKit
internal import Wire

/// A page of a list, with the vendor's headers.
/// - Source: WordPress and woocommerce `WC_REST_CRUD_Controller::get_items`: `X-WP-Total`, `X-WP-TotalPages`, `Link` with `prev` and `next`.
struct WooPage {
    let number: Int
    let size: Int
    let offset: Int?

    init(_ args: WooArgs) throws(WooProblem) {
        number = try args.whole("page", from: 1, to: nil, or: 1)
        size = try args.whole("per_page", from: 1, to: 100, or: 10)
        offset = try args.whole("offset").map { max(0, $0) }
    }

    func answer<Element>(_ all: [Element], _ call: WooCall, show: (Element) -> JSON) -> WooAnswer {
        // A bound: numbers of pages beyond any list overflow nothing.
        let start = min(offset ?? (min(number, 1_000_000_000) - 1) * size, all.count)
        let rows = all[start..<min(start + size, all.count)].map(show)
        let pages = (all.count + size - 1) / size
        var links: [String] = []
        if number > 1 { links.append(link(min(number - 1, max(pages, 1)), "prev", call)) }
        if pages > number { links.append(link(number + 1, "next", call)) }
        var fields = [("X-WP-Total", "\(all.count)"), ("X-WP-TotalPages", "\(pages)")]
        if !links.isEmpty { fields.append(("Link", links.joined(separator: ", "))) }
        return WooAnswer(body: .array(Array(rows)), fields: fields)
    }

    /// The query comes back as it was, with another page.
    private func link(_ page: Int, _ relation: String, _ call: WooCall) -> String {
        let kept = call.args.pairs.filter { $0.name != "page" && $0.name != "rest_route" } + [("page", "\(page)")]
        return "<\(call.moment.rest)\(call.path.joined(separator: "/"))?\(Form.encode(kept))>; rel=\"\(relation)\""
    }
}

/// The filters that lists of posts share.
struct WooFilter {
    private let include: Set<Int>
    private let includeOrder: [Int]
    private let exclude: Set<Int>
    private let after: Int64?
    private let before: Int64?
    private let modifiedAfter: Int64?
    private let modifiedBefore: Int64?
    private let isGMT: Bool
    private let zone: Zone
    private let order: String
    private let by: String

    static let orders = ["date", "id", "include", "title", "slug", "modified"]

    init(
        _ args: WooArgs, _ zone: Zone, by choices: [String] = WooFilter.orders, or fallback: (by: String, order: String) = ("date", "desc")
    ) throws(WooProblem) {
        includeOrder = try args.numbers("include")
        include = Set(includeOrder)
        exclude = Set(try args.numbers("exclude"))
        after = try args.date("after", zone)
        before = try args.date("before", zone)
        modifiedAfter = try args.date("modified_after", zone)
        modifiedBefore = try args.date("modified_before", zone)
        isGMT = try args.flag("dates_are_gmt") ?? false
        self.zone = zone
        order = try args.choice("order", of: ["asc", "desc"]) ?? fallback.order
        by = try args.choice("orderby", of: choices) ?? fallback.by
    }

    /// Moments of filters are exclusive.
    func admits(_ row: WooRow) -> Bool {
        if !include.isEmpty, !include.contains(row.number) { return false }
        if exclude.contains(row.number) { return false }
        if after == nil, before == nil, modifiedAfter == nil, modifiedBefore == nil { return true }
        let created = isGMT ? row.created : WooDate.wall(row.created, zone)
        let modified = isGMT ? row.modified : WooDate.wall(row.modified, zone)
        if let after, created <= after { return false }
        if let before, created >= before { return false }
        if let modifiedAfter, modified <= modifiedAfter { return false }
        if let modifiedBefore, modified >= modifiedBefore { return false }
        return true
    }

    func sorted(_ rows: [WooRow], text: (WooRow) -> String = { _ in "" }) -> [WooRow] {
        if by == "include" { return includeOrder.compactMap { id in rows.first { $0.number == id } } }
        let ascending = rows.sorted { a, b in
            switch by {
            case "date", "registered_date": (a.created, a.number) < (b.created, b.number)
            case "modified": (a.modified, a.number) < (b.modified, b.number)
            case "title", "slug", "name": (text(a), a.number) < (text(b), b.number)
            default: a.number < b.number
            }
        }
        return order == "asc" ? ascending : ascending.reversed()
    }
}
