public import ConnectorKit
public import Kernel
internal import Wire

extension ShopifyConnector {
    /// The shop behind the token.
    public func identify(_ connection: ConnectionFacts) -> Exchange<AccountIdentity> {
        let whole = connection.account.hasSuffix(Self.domain)
        return .one(ShopifyQueries.shop.call([:])) { response throws(Fault) in
            let shop = try JSONDocument(parsing: response.body).root["data"]["shop"]
            guard let domain = shop["myshopifyDomain"].string, !domain.isEmpty else {
                throw OrderGathering.unreadable("a shop without a domain")
            }
            let handle = domain.hasSuffix(Self.domain) ? String(domain.dropLast(Self.domain.count)) : domain
            return AccountIdentity(
                account: whole ? domain : handle, name: shop["name"].string ?? domain,
                country: shop["billingAddress"]["countryCodeV2"].string, currency: shop["currencyCode"].string,
                timeZone: shop["ianaTimezone"].string)
        }
    }

    static let domain = ".myshopify.com"

    /// Lists orders changed since then, oldest change first, by what there is of each. Reaches back five minutes:
    /// changes show late. An order whose lists don't fit the page is read whole.
    /// - Source: general practice with this API, unconfirmed (poll `updated_at:>=` with five minutes' overlap, sorted by UPDATED_AT).
    public func sweep(since: Timestamp, cursor: String?, _ connection: ConnectionFacts) -> Exchange<SweepPage> {
        let start = Timestamp(seconds: (since - ShopifyLimits.overlap).seconds)
        let variables: JSON = ["after": .optional(cursor), "query": .string("updated_at:>='\(start)'")]
        return .send(ShopifyQueries.orders.call(variables)) { response in
            do throws(Fault) {
                let orders = try JSONDocument(parsing: response.body).root["data"]["orders"]
                guard orders["nodes"].exists else { throw OrderGathering.unreadable("no list of orders") }
                var page = SweepPage(records: [], next: nil, watermark: nil)
                var long: [String] = []
                for node in orders["nodes"].elements {
                    let listing = try OrderListing(node)
                    page.watermark = [page.watermark, listing.updatedAt].compactMap(\.self).max()
                    if listing.isCut {
                        long.append(listing.id)
                    } else if !listing.parts.isEmpty {
                        page.listed.append(ListedCase(id: listing.id, parts: listing.parts))
                    }
                }
                let info = orders["pageInfo"]
                page.next = info["hasNextPage"].bool == true ? info["endCursor"].string : nil
                guard page.next == nil || page.next != cursor else {
                    throw OrderGathering.unreadable("a page that leads to itself")
                }
                return gather(long[...], page)
            } catch { return .fail(error) }
        }
    }

    /// One order after the other: a page is handed over whole.
    private func gather(_ left: ArraySlice<String>, _ page: SweepPage) -> Exchange<SweepPage> {
        guard let first = left.first else { return .finish(page) }
        return Self.chain(whole(first, source: "sweep")) { record in
            var page = page
            if let record { page.records.append(record) }
            return gather(left.dropFirst(), page)
        }
    }

    private static func chain<Output: Sendable>(
        _ exchange: Exchange<RawRecord?>, _ then: @escaping @Sendable (RawRecord?) -> Exchange<Output>
    ) -> Exchange<Output> {
        switch exchange {
        case .send(let call, let next): .send(call) { chain(next($0), then) }
        case .finish(let record): then(record)
        case .fail(let fault): .fail(fault)
        }
    }

    /// One order, whole; `nil` where there is none.
    public func fetch(_ id: String, _ connection: ConnectionFacts) -> Exchange<RawRecord?> {
        guard let tail = Fields.tail(id) else {
            return .fail(
                Fault(
                    "invalid_id", stage: .ingest, disposition: .reject, summary: "that is no id of a Shopify order",
                    remedy: "Give the order's number as its address in Shopify shows it."))
        }
        return whole(tail, source: "fetch")
    }

    private func whole(_ id: String, source: String) -> Exchange<RawRecord?> {
        .send(ShopifyQueries.oneOrder.call(["id": .string("gid://shopify/Order/\(id)")])) { response in
            do throws(Fault) {
                let order = try JSONDocument(parsing: response.body).root["data"]["order"]
                guard order.exists else { throw OrderGathering.unreadable("no order") }
                if order.isNull { return .finish(nil) }
                return try OrderGathering(
                    order, transactions: ShopifyQueries.fetchedTransactions, refunds: ShopifyQueries.fetchedRefunds
                ).run(source: source)
            } catch { return .fail(error) }
        }
    }
}
