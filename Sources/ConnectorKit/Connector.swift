public import Books
public import Kernel
public import Wire

/// A platform: data plus pure functions. Never opens a socket, sleeps, logs, or reads a clock or a secret store.
public protocol Connector: Sendable {
    var spec: PlatformSpec { get }

    /// The one switch from an answer to its meaning. Total: an unknown 4xx is rejected; an unknown 5xx answer to a write is `outcomeUnknown`.
    func judge(_ response: HTTPResponse, to call: Call) -> Verdict

    /// What the answer's headers or body say about budgets.
    func readings(_ response: HTTPResponse) -> [BudgetReading]

    /// Who is at the other end, to be shown and compared before the connection goes live.
    func identify(_ connection: ConnectionFacts) -> Exchange<AccountIdentity>

    /// The accounts that a person's consent reaches, for platforms that let one consent reach several (`Consent.Account.listed`).
    func accounts(_ connection: ConnectionFacts) -> Exchange<[AccountIdentity]>

    /// Adds what every request to the platform needs besides the credential (tenant header, version).
    func prepare(_ request: HTTPRequest, for connection: ConnectionFacts) -> HTTPRequest
}

extension Connector {
    /// The one account that `identify` tells.
    public func accounts(_ connection: ConnectionFacts) -> Exchange<[AccountIdentity]> { identify(connection).map { [$0] } }
    public func readings(_: HTTPResponse) -> [BudgetReading] { [] }
    public func prepare(_ request: HTTPRequest, for _: ConnectionFacts) -> HTTPRequest { request }
}

/// The company behind a connection.
public struct AccountIdentity: Sendable, Equatable {
    public var account: String
    public var name: String
    public var country: String?
    public var currency: String?
    public var timeZone: String?

    public init(account: String, name: String, country: String? = nil, currency: String? = nil, timeZone: String? = nil) {
        self.account = account
        self.name = name
        self.country = country
        self.currency = currency
        self.timeZone = timeZone
    }
}

/// A raw record as it came in, kept whole.
public struct RawRecord: Sendable, Equatable {
    /// `orders/create` of a webhook, the stream's name for a swept record.
    public var topic: String
    /// Unique per delivery; a second record with the same id is a duplicate.
    public var deliveryID: String
    public var body: [UInt8]

    public init(topic: String, deliveryID: String, body: [UInt8]) {
        self.topic = topic
        self.deliveryID = deliveryID
        self.body = body
    }
}

/// What a raw record says.
public struct Normalized: Sendable, Equatable {
    public var documents: [SourceDocument]
    /// Ids of orders whose full record must be fetched, because the record only hints at a change.
    public var fetch: [String]
    /// Ids of payments that are all the money of their case but for gift cards, in sources that may call them otherwise later: one that is known under
    /// another name keeps that.
    public var lonePayments: Set<String>

    public init(documents: [SourceDocument], fetch: [String] = [], lonePayments: Set<String> = []) {
        self.documents = documents
        self.fetch = fetch
        self.lonePayments = lonePayments
    }
}

/// An order that a sweep listed, by what there is of it: cheap to list, and enough to see that something of it never arrived.
public struct ListedCase: Sendable, Equatable {
    /// One thing that must be known: a document (`sale`, `payment`, `refund`) or a note (`edit`, `cancellation`) with its id.
    public struct Part: Sendable, Equatable, Hashable {
        public var kind: String
        public var id: String

        public init(kind: String, id: String) {
            self.kind = kind
            self.id = id
        }
    }

    /// The id that `fetch` takes.
    public var id: String
    public var parts: [Part]

    public init(id: String, parts: [Part]) {
        self.id = id
        self.parts = parts
    }
}

/// One page of a sweep: full records, or a list to compare with what is known (orders with an unknown part are then fetched).
public struct SweepPage: Sendable {
    public var records: [RawRecord]
    public var listed: [ListedCase]
    /// Where the next page starts; `nil` at the end.
    public var next: String?
    /// The newest change seen, to sweep from next time.
    public var watermark: Timestamp?

    public init(records: [RawRecord], listed: [ListedCase] = [], next: String?, watermark: Timestamp?) {
        self.records = records
        self.listed = listed
        self.next = next
        self.watermark = watermark
    }
}

/// A verified webhook.
public struct WebhookDelivery: Sendable, Equatable {
    public var topic: String
    public var deliveryID: String
    /// When it may be taken, where the platform dates its signatures: what is older was sent before, by whomever. `nil`: at any time.
    public var valid: ClosedRange<Timestamp>?
    /// Digest of what it says, where the same id with other content is the sender's mistake and he is to be told. `nil`: the id alone counts.
    public var content: [UInt8]?

    public init(topic: String, deliveryID: String, valid: ClosedRange<Timestamp>? = nil, content: [UInt8]? = nil) {
        self.topic = topic
        self.deliveryID = deliveryID
        self.valid = valid
        self.content = content
    }
}

public protocol SourceConnector: Connector {
    /// Checks the signature over the raw bytes and names the delivery. `nil` when the signature is wrong or missing.
    func verify(_ fields: HTTPFields, body: [UInt8], secret: Secret) -> WebhookDelivery?

    /// Whether a delivery without a signature is only the platform trying the address when a webhook is set up: answered, and nothing of it kept.
    func isTrial(_ fields: HTTPFields, body: [UInt8]) -> Bool

    /// Whether deliveries of this topic can ever lead to documents. Others are acknowledged and not kept: shops subscribe to more than books need.
    func uses(topic: String) -> Bool

    /// Whether the platform tells by webhook of what a sweep finds under this topic: where a sweep is the first to find such records, webhooks get lost.
    func tells(of topic: String) -> Bool

    /// Changed records since an instant, one page; `cursor` continues an earlier page.
    func sweep(since: Timestamp, cursor: String?, _ connection: ConnectionFacts) -> Exchange<SweepPage>

    /// The full record of one order.
    func fetch(_ id: String, _ connection: ConnectionFacts) -> Exchange<RawRecord?>

    /// What a returns system itself says of its returns since an instant, one page, to be compared with the shop and the books; `nil` for what is none.
    func returnFigures(since: Timestamp, cursor: String?, _ connection: ConnectionFacts) -> Exchange<ReturnFigures>?

    /// The same of one return's record, as `fetch` gives it; `nil` where it can't be read or is none.
    func returnFigure(_ record: RawRecord, _ connection: ConnectionFacts) -> ReturnFigure?

    /// Raw record -> canonical documents.
    /// - Throws: `malformed_json`, `unreadable_record` (disposition hold) naming the field.
    func normalize(_ record: RawRecord, _ connection: ConnectionFacts) throws(Fault) -> Normalized

    /// Settings of the connection that `normalize` understands, with their meaning.
    var settings: [String: String] { get }

    /// What it tells beside what was sold. A policy that waits for anything else is refused.
    var tells: Set<SourceFact> { get }

    /// Whether it can be told what the ledger has of its documents.
    var reflectionPlace: ReflectionPlace { get }

    /// Writes there what the ledger has of a document, once: looks for its mark first. `nil` where there is no place for it, or not for this one.
    func reflect(_ state: ReflectedState, attempt: String, _ connection: ConnectionFacts) -> Exchange<PostOutcome>?
}

extension SourceConnector {
    public var tells: Set<SourceFact> { [.payments] }
    public func isTrial(_: HTTPFields, body _: [UInt8]) -> Bool { false }
    public func uses(topic _: String) -> Bool { true }
    public func tells(of _: String) -> Bool { false }
    public func returnFigures(since _: Timestamp, cursor _: String?, _: ConnectionFacts) -> Exchange<ReturnFigures>? { nil }
    public func returnFigure(_: RawRecord, _: ConnectionFacts) -> ReturnFigure? { nil }
    public var reflectionPlace: ReflectionPlace { .none }
    public func reflect(_: ReflectedState, attempt _: String, _: ConnectionFacts) -> Exchange<PostOutcome>? { nil }
}

/// One account of a ledger as it is there now.
public struct LedgerAccount: Sendable, Equatable {
    /// What people bind to: the account number or code; the name where there is none.
    public var code: String
    public var remoteID: String
    public var name: String
    public var type: String
    public var active: Bool
    /// Only where the account is kept in one currency.
    public var currency: String?

    public init(code: String, remoteID: String, name: String, type: String, active: Bool, currency: String? = nil) {
        self.code = code
        self.remoteID = remoteID
        self.name = name
        self.type = type
        self.active = active
        self.currency = currency
    }
}

/// What a ledger looks like now: read before the first posting and refreshed when it says no.
public struct Chart: Sendable, Equatable {
    public var accounts: [LedgerAccount]
    public var taxCodes: [String]
    /// The last closed day.
    public var lockDate: LocalDate?
    public var baseCurrency: String
    /// Currencies documents may be written in.
    public var currencies: [String]

    public init(accounts: [LedgerAccount], taxCodes: [String], lockDate: LocalDate?, baseCurrency: String, currencies: [String]) {
        self.accounts = accounts
        self.taxCodes = taxCodes
        self.lockDate = lockDate
        self.baseCurrency = baseCurrency
        self.currencies = currencies
    }
}

/// A party, supplier or item that documents need: found by name, or created once.
public struct ReferenceWant: Sendable, Equatable, Hashable {
    public enum Kind: String, Sendable {
        /// A customer.
        case party
        /// A supplier: of bills and purchase orders, the party.
        case vendor
        case item
        /// A value of one of the platform's dimensions, of the ledger's own making: `key` is `class/Retail`. Found, never created.
        case dimension
    }
    public var kind: Kind
    /// Our own stable key: the SKU, the customer's id, `house`.
    public var key: String
    /// The name it has there, short enough and unique.
    public var name: String
    /// The full text, where the name was shortened.
    public var text: String
    /// Of an item: the account that its sales go to (remote id).
    public var account: String?
    /// Of a party or supplier: its currency.
    public var currency: String?

    public init(kind: Kind, key: String, name: String, text: String, account: String? = nil, currency: String? = nil) {
        self.kind = kind
        self.key = key
        self.name = name
        self.text = text
        self.account = account
        self.currency = currency
    }
}

/// A planned posting with its accounts, tax codes, party and items bound: all a ledger needs to write it.
public struct LedgerDocument: Sendable {
    public struct Line: Sendable {
        public var plan: PostingLine
        public var account: BoundAccount
        /// The ledger's own tax code: `OUTPUT2`, `TAX`.
        public var taxCode: String?
        /// Remote id of the item, where the platform needs one.
        public var item: String?
        public var dimensions: [String: String]

        public init(plan: PostingLine, account: BoundAccount, taxCode: String? = nil, item: String? = nil, dimensions: [String: String] = [:]) {
            self.plan = plan
            self.account = account
            self.taxCode = taxCode
            self.item = item
            self.dimensions = dimensions
        }
    }

    public var key: PostKey
    public var revision: Int
    public var plan: PlannedPosting
    public var lines: [Line]
    /// What people and `find` see in the document's reference field: `order 6120034117000`.
    public var reference: String
    /// Remote id of the customer or contact; of a bill or purchase order, the supplier's.
    public var party: String?
    /// Remote id of the document it settles or corrects.
    public var appliesTo: String?
    /// Remote id of the sales order that an invoice is drawn from, where there is one. It may be closed, cancelled or another by now: what can't be drawn
    /// goes without it.
    public var drawnFrom: String?
    /// The document as it is there, for updates and voids: its remote id and version token.
    public var remoteID: String?
    public var remoteVersion: String?
    /// Of one that is looked for after an unclear answer: nothing of that send is older, by our clock. For ledgers that list what changed and can't
    /// search. `nil` where nobody knows.
    public var since: Timestamp?

    public init(
        key: PostKey, revision: Int, plan: PlannedPosting, lines: [Line], reference: String, party: String? = nil, appliesTo: String? = nil,
        remoteID: String? = nil, remoteVersion: String? = nil, since: Timestamp? = nil
    ) {
        self.key = key
        self.revision = revision
        self.plan = plan
        self.lines = lines
        self.reference = reference
        self.party = party
        self.appliesTo = appliesTo
        self.remoteID = remoteID
        self.remoteVersion = remoteVersion
        self.since = since
    }
}

/// What became of one document of a write.
public enum PostOutcome: Sendable, Equatable {
    case posted(remoteID: String, version: String?)
    /// A document with our key is there already: `find` tells whether it is ours.
    case duplicate(Fault)
    case rejected(Fault)
    case throttled(Fault)
    /// Ours is newer than we thought: read again, compare again.
    case stale(Fault)
    case unknown(Fault)
}

/// A document as the ledger holds it, in words that can be compared with what was meant.
public struct LedgerReadback: Sendable, Equatable {
    public var key: PostKey?
    public var remoteID: String
    public var version: String?
    public var date: LocalDate?
    public var currency: String?
    /// Total in document currency, minor units, positive.
    public var total_minor: Int64
    /// Tax in document currency, minor units, positive; `nil` where the form has none.
    public var tax_minor: Int64?
    /// Remote id of the party.
    public var party: String?
    /// Remote id of the document it settles, where the platform shows one.
    public var appliesTo: String?
    /// Account code or remote id -> signed minor units, debit positive, as far as the platform shows them (control and tax lines excluded).
    public var accounts: [String: Int64]
    public var voided: Bool
    /// It is there and has no effect yet: a draft of ours whose posting broke off, `voided` too. `update` goes on from it.
    public var unfinished: Bool
    /// It has no effect until somebody approves it; `voided` too, and not `unfinished`: there is nothing to go on with.
    public var waits: Bool
    /// What is owed on it still, in document currency, minor units; `nil` where the form or the platform shows none. Money moves it, so it is no
    /// difference from what was meant.
    public var open_minor: Int64?
    /// How much of it credits settle rather than payments, in document currency, minor units; `nil` where the platform does not tell the two apart.
    public var credited_minor: Int64?
    /// When a bill is due, where the platform shows it. Ours to state when it is written, and not looked at again once it was confirmed: people agree
    /// on other days with their suppliers.
    public var due: LocalDate?

    public init(
        key: PostKey?, remoteID: String, version: String?, date: LocalDate?, currency: String?, total_minor: Int64, tax_minor: Int64?, party: String?,
        accounts: [String: Int64], voided: Bool, appliesTo: String? = nil, unfinished: Bool = false, waits: Bool = false,
        open_minor: Int64? = nil, credited_minor: Int64? = nil, due: LocalDate? = nil
    ) {
        self.key = key
        self.remoteID = remoteID
        self.version = version
        self.date = date
        self.currency = currency
        self.total_minor = total_minor
        self.tax_minor = tax_minor
        self.party = party
        self.accounts = accounts
        self.voided = voided
        self.appliesTo = appliesTo
        self.unfinished = unfinished
        self.waits = waits
        self.open_minor = open_minor
        self.credited_minor = credited_minor
        self.due = due
    }
}

/// Documents of ours that changed in the ledger, one page.
public struct LedgerChanges: Sendable, Equatable {
    /// Keys of the documents, each once: `fetch` shows what they are now.
    public var keys: [PostKey]
    /// Where the next page starts; `nil` at the end.
    public var next: String?
    /// The newest change seen, to ask from next time.
    public var watermark: Timestamp?
    /// Of documents of `keys`, where the platform shows it: one that was confirmed in this version is not read again.
    public var versions: [PostKey: String]
    /// Remote ids of changed documents of which the platform tells no more: deleted ones, mostly. They need not be ours.
    public var remoteIDs: [String]
    /// False where more has changed than the platform lists: all that we have there is looked at again.
    public var isWhole: Bool

    public init(
        keys: [PostKey], next: String?, watermark: Timestamp?, versions: [PostKey: String] = [:], remoteIDs: [String] = [], isWhole: Bool = true
    ) {
        self.keys = keys
        self.next = next
        self.watermark = watermark
        self.versions = versions
        self.remoteIDs = remoteIDs
        self.isWhole = isWhole
    }
}

extension LedgerDocument {
    /// When it is due, where it is a bill: as the supplier says, else on its own day.
    public var due: LocalDate? { plan.form == .bill ? plan.due ?? plan.date : nil }

    /// Binds the party, supplier or items that the want stands for. Whoever sells to us is the party of what we buy, whoever buys of us that of all else.
    public mutating func bind(_ want: ReferenceWant, to remote: String, by itemKey: (Line) -> String?) {
        switch want.kind {
        case .party: if !plan.form.isPurchase { party = remote }
        case .vendor: if plan.form.isPurchase { party = remote }
        case .item: for i in lines.indices where itemKey(lines[i]) == want.key { lines[i].item = remote }
        case .dimension:
            for i in lines.indices { for (name, value) in lines[i].dimensions where "\(name)/\(value)" == want.key { lines[i].dimensions[name] = remote } }
        }
    }
}

public protocol LedgerConnector: Connector {
    func chart(_ connection: ConnectionFacts) -> Exchange<Chart>

    /// The key of the item a line needs, the same as its `ReferenceWant`'s; `nil` where a line needs none.
    func itemKey(of line: LedgerDocument.Line) -> String?

    /// Which parties and items the document needs before it can be written. The shop's one customer has the key `shop`.
    func references(for document: LedgerDocument) -> [ReferenceWant]
    /// Remote ids of those that exist already, by key; looked up by name.
    func findReferences(_ wants: [ReferenceWant], _ connection: ConnectionFacts) -> Exchange<[String: String]>
    /// Creates them, one effect each however often it is asked (natural key: the name). Remote ids by key.
    func createReferences(_ wants: [ReferenceWant], _ connection: ConnectionFacts) -> Exchange<[String: String]>

    /// Can these two go in one call? Documents handed to `create` together all agree pairwise.
    func batchGroup(of document: LedgerDocument) -> String

    /// What keeps the document from ever being written there, told before anything is sent: each holds it under its code. The document has its
    /// accounts; party, items and what it settles are not looked up yet.
    func objections(to document: LedgerDocument, _ connection: ConnectionFacts) -> [Fault]

    /// The exact requests that `create` would send, for preview. Same code path.
    func create(_ documents: [LedgerDocument], attempt: String, _ connection: ConnectionFacts) -> Exchange<[PostOutcome]>
    /// Brings what is there to what `document` says. Where the platform can't change it in place, the exchange takes the old one back and
    /// writes a new one, and `posted` names the new remote id. Whatever an earlier, interrupted update left there, it goes on from that.
    func update(_ document: LedgerDocument, attempt: String, _ connection: ConnectionFacts) -> Exchange<PostOutcome>
    func void(_ document: LedgerDocument, attempt: String, _ connection: ConnectionFacts) -> Exchange<PostOutcome>

    /// Looks for documents by our key. A missing key in the answer means "not there (yet)".
    func find(_ documents: [LedgerDocument], _ connection: ConnectionFacts) -> Exchange<[PostKey: LedgerReadback]>
    /// Reads back what was written, by remote id. Missing = gone.
    func fetch(_ documents: [LedgerDocument], _ connection: ConnectionFacts) -> Exchange<[PostKey: LedgerReadback]>

    /// What the readback of this document must look like: the connector knows what its platform shows.
    func meant(_ document: LedgerDocument) -> LedgerReadback

    /// Documents of ours that changed there since an instant, one page; `cursor` continues an earlier page. `nil` where the platform can't be asked.
    func changes(since: Timestamp, cursor: String?, _ connection: ConnectionFacts) -> Exchange<LedgerChanges>?

    /// How far back `changes` can be asked; `nil` without an end.
    var changesReach: Duration? { get }

    /// Checks the signature of a webhook over the raw bytes and reads what it says has changed, of whatever accounts of the app. `nil` when the
    /// signature is wrong or missing, or where the platform sends none; empty where it only tries the address.
    /// - Throws: `unreadable_notice` (hold) for a genuine delivery that can't be read.
    func notices(_ fields: HTTPFields, body: [UInt8], secret: Secret) throws(Fault) -> [LedgerNotice]?

    /// Puts a file beside a document that is there already, once: looks for one of its name first. `nil` where the platform has no place for files
    /// at documents of this form.
    func attach(_ file: LedgerFile, to document: LedgerDocument, attempt: String, _ connection: ConnectionFacts) -> Exchange<PostOutcome>?

    /// The files that the ledger imports, the first being what to take when nothing else is known. `journalCSV` where its own are not known.
    var manualForms: [ManualForm] { get }
}

extension PostingForm {
    /// What to do where a ledger takes nothing of this form from us.
    public var remedyWhereUnsupported: String {
        if self == .salesOrder { return "Take sales_orders: mirror out of the flow's policies: this ledger keeps no orders of ours." }
        return isPurchase ? "Enter it there by hand; here it stays held, so that it is not forgotten." : "Choose a policy that does without this form."
    }
}

extension LedgerConnector {
    /// What a posting can't be written for, found before anything is sent: no, until somebody mends it.
    public static func refused(_ code: String, _ summary: String, _ remedy: String) -> Fault {
        Fault(code, stage: .post, disposition: .reject, summary: summary, remedy: remedy)
    }

    /// What a posting can't be changed or taken back for: more than one document with its key stands there, as where a person made a copy of ours. Which of them
    /// is to stay nobody can tell from here, so none is touched.
    public static func doubled(_ ids: [String], in platform: String) -> Fault {
        let named = ids.prefix(5).map { cut(plain($0), characters: 60) }.joined(separator: ", ")
        return refused(
            "ledger_document_doubled", "\(platform) has \(ids.count) documents with this posting's reference that stand: \(named)",
            "Look at them in \(platform). Take our reference off the one that somebody made, or cancel the one that is too many there; then release.")
    }

    public var manualForms: [ManualForm] { [.journalCSV] }

    /// The form of this id, among the ledger's own and those that any accountant can use.
    public func manualForm(_ id: String) -> ManualForm? { (manualForms + [.journalCSV]).first { $0.id == id } }
}

extension LedgerConnector {
    public var changesReach: Duration? { nil }
    public func changes(since _: Timestamp, cursor _: String?, _: ConnectionFacts) -> Exchange<LedgerChanges>? { nil }
    public func notices(_: HTTPFields, body _: [UInt8], secret _: Secret) throws(Fault) -> [LedgerNotice]? { nil }
    public func attach(_: LedgerFile, to _: LedgerDocument, attempt _: String, _: ConnectionFacts) -> Exchange<PostOutcome>? { nil }
}

extension LedgerConnector {
    public func objections(to _: LedgerDocument, _: ConnectionFacts) -> [Fault] { [] }
}
