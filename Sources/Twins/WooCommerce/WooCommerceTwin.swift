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

    private let journal: TwinJournal
    private let random: any RandomSource
    private let state: Locked<WooState>

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
        self.journal = journal
        self.random = random
        var state = WooState(shops: try WooSeed.shops())
        try journal.replay { state.rows.replay($0) }
        self.state = Locked(state)
    }

    public func respond(_ request: HTTPRequest, at now: Timestamp) -> HTTPResponse {
        let (journal, random) = (journal, random)
        return state.with { state in
            let answer = state.respond(request, at: now, random: random)
            return Self.persist(&state, journal) ? answer : Self.broken()
        }
    }

    /// Commits what changed, or takes it back when the journal can't keep it.
    private static func persist(_ state: inout WooState, _ journal: TwinJournal) -> Bool {
        let records = state.rows.changes
        guard !records.isEmpty else { return true }
        do {
            try journal.append(records)
            state.rows.commit()
            return true
        } catch {
            state.rows.rollback()
            return false
        }
    }

    // MARK: The world

    /// Lets something happen in a shop: `do` is `placed`, `paid`, `held`, `failed`, `edited`, `completed`, `cancelled`, `refunded`, `refund_deleted`,
    /// `trashed`, `restored`, `deleted`, `noted`, `customer_registers`, `customer_edited`, `product_edited`, `stock_counted`, `setting_changed` or
    /// `key_revoked`; `shop` is where, `prairie` when it is left out.
    /// - Throws: `happening_refused`, `journal_unusable`.
    public func happen(_ happening: JSON, at now: Timestamp) throws(Fault) -> JSON {
        let (journal, random) = (journal, random)
        let shop = happening.text("shop") ?? happening.text("account") ?? Self.american
        let outcome: Result<JSON, Fault> = state.with { state in
            guard state.shops[shop] != nil else { return .failure(Self.refused("there is no such shop", "shop")) }
            let home = state.homes[shop] ?? "http://127.0.0.1\(WooState.prefix)/\(shop)"
            do throws(Fault) {
                let out = try state.happen(happening, WooMoment(shop: shop, at: now, random: random, home: home))
                guard Self.persist(&state, journal) else {
                    return .failure(
                        Fault(
                            "journal_unusable", stage: .sandbox, disposition: .hold, summary: "the twin's journal could not be written",
                            remedy: "Check the sandbox folder's owner and free space, and that no other sandbox uses it."))
                }
                return .success(.object(out))
            } catch {
                state.rows.rollback()
                return .failure(error)
            }
        }
        return try outcome.get()
    }

    static func refused(_ summary: String, _ position: String) -> Fault {
        Fault(
            "happening_refused", stage: .sandbox, disposition: .reject, summary: summary,
            remedy: "Say what happens, and to what, as the twin's source lists it.", position: position)
    }

    public func expectedMoney() -> [ExpectedMoney] { state.with { $0.expectedMoney() } }

    /// The accounts of a shop's books, debit positive in minor units; they are zero in all.
    public func accounts(_ shop: String) -> [String: Int64] { state.with { $0.accounts(shop) } }

    // MARK: Webhooks

    public func takeWebhooks(at now: Timestamp, most: Int) -> [DueWebhook] {
        let (journal, random) = (journal, random)
        return state.with { state in
            let taken = state.takeDeliveries(at: now, most: most, random: random)
            _ = Self.persist(&state, journal)
            return taken
        }
    }

    public func settleWebhook(_ id: String, status: Int?, at now: Timestamp) {
        let journal = journal
        state.with { state in
            state.settleDelivery(id, status: status, at: now)
            // What the disk refused is sent once more.
            _ = Self.persist(&state, journal)
        }
    }

    public func nextWebhook() -> Timestamp? { state.with { $0.nextDelivery() } }

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
