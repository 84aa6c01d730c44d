internal import Crypto
public import Kernel
public import TwinKit
public import Wire

/// WooCommerce's REST API wc/v3 for three shops, with the money their records speak of in double-entry books underneath.
///
/// `/woocommerce/SHOP/wp-json/wc/v3/…` stands for `https://SHOP/wp-json/wc/v3/…`: `prairie` sells in dollars without tax in its prices, `thames` in
/// pounds with it, `liffey` in euros with it and rounds taxes once an order. Keys are told by `key`. Everything it answered, and everything that
/// happened, is in the journal before it says so.
/// - Source: woocommerce/woocommerce 10.x (REST controllers, `WC_Abstract_Order`, `WC_Tax`, `WC_Discounts`, `WC_Webhook`), answers of a running shop
///   to OPTIONS, woocommerce-rest-api-docs.
public final class WooCommerceTwin: SourceTwin {
    public let prefix = WooState.prefix
    /// The shops' names.
    public static let american = "prairie"
    public static let british = "thames"
    public static let irish = "liffey"

    private let random: any RandomSource
    private let state: Remembered<WooState>

    /// A consumer key and its secret that a fresh shop has.
    /// - Parameter permissions: `read_write`, `read` or `write`.
    /// - Returns: `nil` where there is no such shop or permission.
    public static func key(_ shop: String, _ permissions: String = "read_write") -> (key: String, secret: String)? {
        guard let place = [american, british, irish].firstIndex(of: shop), let right = WooRight(rawValue: permissions) else { return nil }
        return (WooShop.key("ck", place: place + 1, right: right.digit), WooShop.key("cs", place: place + 1, right: right.digit))
    }

    /// Opens the twin on what `journal` remembers.
    /// - Throws: the journal's faults, `unknown_time_zone`.
    public init(journal: TwinJournal, random: any RandomSource = SystemRandom()) throws(Fault) {
        self.random = random
        state = try Remembered(WooState(shops: try WooSeed.shops()), in: journal)
    }

    public func respond(_ request: HTTPRequest, at now: Timestamp) -> HTTPResponse {
        state.change { [random] in $0.respond(request, at: now, random: random) } ifLost: { _, _ in Self.broken() }
    }

    // MARK: The world

    /// Lets something happen in a shop: `do` is `placed`, `paid`, `held`, `failed`, `edited`, `completed`, `cancelled`, `refunded`, `refund_deleted`,
    /// `trashed`, `restored`, `deleted`, `noted`, `customer_registers`, `customer_edited`, `product_edited`, `stock_counted`, `setting_changed` or
    /// `key_revoked`; `shop` is where, `prairie` when it is left out.
    /// - Throws: `happening_refused`, `journal_unusable`.
    public func happen(_ happening: JSON, at now: Timestamp) throws(Fault) -> JSON {
        let shop = happening.text("shop") ?? happening.text("account") ?? Self.american
        return try state.happen { [random] state throws(Fault) in
            guard state.shops[shop] != nil else { throw Happening.refused("there is no such shop", "shop") }
            let home = state.homes[shop] ?? "http://127.0.0.1\(WooState.prefix)/\(shop)"
            return .object(try state.happen(happening, WooMoment(shop: shop, at: now, random: random, home: home)))
        }
    }

    public func expectedMoney() -> [ExpectedMoney] { state.look { $0.expectedMoney() } }

    /// The accounts of a shop's books, debit positive in minor units; they are zero in all.
    public func accounts(_ shop: String) -> [String: Int64] { state.look { $0.accounts(shop) } }

    // MARK: Webhooks

    public func takeWebhooks(at now: Timestamp, most: Int) -> [DueWebhook] {
        state.change { [random] in $0.takeDeliveries(at: now, most: most, random: random) }
    }

    // What the disk refused is sent once more.
    public func settleWebhook(_ id: String, status: Int?, at now: Timestamp) { state.change { $0.settleDelivery(id, status: status, at: now) } }

    public func nextWebhook() -> Timestamp? { state.look { $0.nextDelivery() } }

    // MARK: Answers of the fault plan

    /// WooCommerce has no limit of its own; what stands before the shop has, and answers a page.
    public func throttled(retryAfterSeconds: Int?) -> HTTPResponse {
        var response = WooState.page(429, "429 Too Many Requests")
        if let retryAfterSeconds { response.fields["Retry-After"] = String(retryAfterSeconds) }
        return response
    }

    /// WordPress while it is updated.
    public func unavailable() -> HTTPResponse { WooState.page(503, "Briefly unavailable for scheduled maintenance. Check back in a minute.") }

    private static func broken() -> HTTPResponse {
        let problem = WooProblem(500, "internal_server_error", "There has been a critical error on this website.")
        return .json(500, problem.body)
    }
}
