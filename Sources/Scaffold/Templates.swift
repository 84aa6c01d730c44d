/// Texts of new files; `__TYPE__`, `__ID__`, `__NAME__`, `__ROLE__` and `__PROTOCOL__` are filled in. What has to be done says TODO.
enum Templates {
    static let spec = #"""
        public import ConnectorKit
        internal import Kernel
        internal import Wire

        /// __NAME__ as a __ROLE__. TODO: which API, in which version, and what of it.
        public struct __TYPE__Connector: __PROTOCOL__ {
            public init() {}

            /// Facts on the platform, each with where it comes from.
            /// - Source: the pages named in `sources`.
            public var spec: PlatformSpec {
                PlatformSpec(
                    id: "__ID__", name: "__NAME__", roles: [.__ROLE__], productionBase: "https://api.example.com", sandboxBase: nil,
                    // TODO: how requests prove who sends them; docs/writing-a-connector.md lists the ways.
                    auth: .header("Authorization", prefix: "Bearer "), headers: ["Accept": "application/json"], limits: Self.limits, concurrency: 1,
                    batchSizes: [:], pageSize: __TYPE__Limits.pageRows, fieldLengths: [:],
                    idempotency: Idempotency(nativeKeyLifetime: nil, searchable: false, findSettles: .zero), tax: .none, dimensions: [],
                    revisesPaidInvoices: false, apiVersion: "1", sunset: nil, sources: Self.sources, objects: Self.objects)
            }

            private static let limits: [RateLimit] = [RateLimit(name: "minute", scope: .connection, amount: 60, window: .seconds(60))]

            /// TODO: what is read and written, and what becomes of it.
            private static let objects: [PlatformObject] = []

            private static let sources: [String: String] = [
                "limits.minute": "where this is written: TODO",
                "concurrency": "where this is written: TODO",
                "page": "where this is written: TODO",
                "idempotency": "where this is written: TODO",
                "auth": "where this is written: TODO",
                "objects": "where this is written: TODO",
                "currency": "where this is written: TODO",
        __FACTS__
            ]

            /// Who is at the other end: one read. TODO: `account` as the platform says it; where it is not the connection's, nothing goes live.
            public func identify(_ connection: ConnectionFacts) -> Exchange<AccountIdentity> {
                .one(Call(.read, HTTPRequest(.get, "/TODO"))) { response throws(Fault) in
                    guard let name = try response.json()["name"]?.string else { throw Self.unreadable("the account has no name") }
                    return AccountIdentity(account: connection.account, name: name)
                }
            }

            static func unreadable(_ why: String) -> Fault {
                Fault("unreadable_answer", stage: .courier, disposition: .retry, summary: "an answer of __NAME__ can't be read: \(why)")
            }

            /// What nobody has written yet.
            static func missing(_ what: String) -> Fault {
                Fault("not_written_yet", stage: .courier, disposition: .bug, summary: "__NAME__'s connector has no \(what) yet", remedy: "Write it.")
            }
        }

        /// Bounds of this connector.
        enum __TYPE__Limits {
            static let pageRows = 100
        }
        """# + "\n"

    /// One of the statements that need a source.
    static func source(of fact: String) -> String { "        \"\(fact)\": \"where this is written: TODO\"," }

    static let judge = #"""
        public import ConnectorKit
        internal import Kernel
        public import Wire

        extension __TYPE__Connector {
            /// TODO: the body decides, not the status alone: an error under a success, a duplicate, a closed period, a stale version.
            public func judge(_ response: HTTPResponse, to call: Call) -> Verdict {
                let judging = Judging("__NAME__")
                let json = try? JSON(parsing: response.body)
                if (200 ..< 300).contains(response.status), json?.object == nil { return judging.unreadable(response, to: call) }
                return judging.verdict(response, to: call, says: json?["message"]?.string)
            }
        }
        """# + "\n"

    static let ledger = #"""
        public import Books
        public import ConnectorKit
        public import Kernel

        extension __TYPE__Connector {
            public func chart(_: ConnectionFacts) -> Exchange<Chart> { .fail(Self.missing("chart")) }

            public func itemKey(of _: LedgerDocument.Line) -> String? { nil }
            public func references(for _: LedgerDocument) -> [ReferenceWant] { [] }
            public func findReferences(_: [ReferenceWant], _: ConnectionFacts) -> Exchange<[String: String]> { .finish([:]) }
            public func createReferences(_: [ReferenceWant], _: ConnectionFacts) -> Exchange<[String: String]> { .finish([:]) }

            public func batchGroup(of document: LedgerDocument) -> String { document.key.text }

            /// TODO: what can never be written there, told before anything is sent.
            public func objections(to _: LedgerDocument, _: ConnectionFacts) -> [Fault] { [] }

            /// TODO: our key goes into a field that `find` can look for.
            public func create(_ documents: [LedgerDocument], attempt _: String, _: ConnectionFacts) -> Exchange<[PostOutcome]> {
                .finish(documents.map { _ in .rejected(Self.missing("create")) })
            }
            public func update(_: LedgerDocument, attempt _: String, _: ConnectionFacts) -> Exchange<PostOutcome> { .finish(.rejected(Self.missing("update"))) }
            public func void(_: LedgerDocument, attempt _: String, _: ConnectionFacts) -> Exchange<PostOutcome> { .finish(.rejected(Self.missing("void"))) }

            public func find(_: [LedgerDocument], _: ConnectionFacts) -> Exchange<[PostKey: LedgerReadback]> { .fail(Self.missing("find")) }
            public func fetch(_: [LedgerDocument], _: ConnectionFacts) -> Exchange<[PostKey: LedgerReadback]> { .fail(Self.missing("fetch")) }

            // `changes`, `notices`, `attach` and `manualForms` have defaults: write them where the platform can be asked, calls, takes or imports files.

            public func meant(_ document: LedgerDocument) -> LedgerReadback {
                LedgerReadback(
                    key: document.key, remoteID: document.remoteID ?? "", version: nil, date: document.plan.date, currency: document.plan.currency.code,
                    total_minor: document.plan.total.minor, tax_minor: nil, party: document.party, accounts: [:], voided: document.plan.effect == .void)
            }
        }
        """# + "\n"

    static let source = #"""
        public import ConnectorKit
        public import Kernel
        public import Wire

        extension __TYPE__Connector {
            /// TODO: the vendor's signature over the raw bytes, compared in constant time.
            public func verify(_: HTTPFields, body _: [UInt8], secret _: Secret) -> WebhookDelivery? { nil }

            public func sweep(since _: Timestamp, cursor _: String?, _: ConnectionFacts) -> Exchange<SweepPage> { .fail(Self.missing("sweep")) }

            public func fetch(_: String, _: ConnectionFacts) -> Exchange<RawRecord?> { .fail(Self.missing("fetch")) }

            public func normalize(_: RawRecord, _: ConnectionFacts) throws(Fault) -> Normalized { throw Self.missing("normalize") }

            public var settings: [String: String] { [:] }
        }
        """# + "\n"

    static let ledgerTwin = #"""
        public import Kernel
        public import TwinKit
        public import Wire

        /// __NAME__'s twin. TODO: auth, limits, paging, validation, duplicates, locks, stale search, and double-entry books underneath, all from the
        /// vendor's own pages and nothing of the connector's.
        public final class __TYPE__Twin: LedgerTwin {
            public let prefix = "/__ID__"
            private let journal: TwinJournal

            /// - Throws: the journal's faults.
            public init(journal: TwinJournal) throws(Fault) {
                self.journal = journal
                try journal.replay { _ in }
            }

            public func respond(_: HTTPRequest, at _: Timestamp) -> HTTPResponse { .json(501, ["message": "TODO"]) }

            public func entries() -> [LedgerEntry] { [] }
            public func setAccountActive(_: String, _: Bool) {}
            public func setLockDate(_: LocalDate?) {}
            public func revokeAccessTokens() {}
        }
        """# + "\n"

    static let sourceTwin = #"""
        public import Kernel
        public import TwinKit
        public import Wire

        /// __NAME__'s twin. TODO: auth, limits, paging, validation and webhooks, all from the vendor's own pages and nothing of the connector's.
        public final class __TYPE__Twin: Twin {
            public let prefix = "/__ID__"
            private let journal: TwinJournal

            /// - Throws: the journal's faults.
            public init(journal: TwinJournal) throws(Fault) {
                self.journal = journal
                try journal.replay { _ in }
            }

            public func respond(_: HTTPRequest, at _: Timestamp) -> HTTPResponse { .json(501, ["message": "TODO"]) }
        }
        """# + "\n"

    static let tests = #"""
        import __TYPE__
        import ConnectorKit
        import Testing

        @Suite("__NAME__") struct __TYPE__Tests {
            @Test("TODO: golden tests of bodies and answers, each from a page of the vendor") func golden() {
                #expect(!__TYPE__Connector().spec.objects.isEmpty, "nothing is read or written yet")
            }
        }
        """# + "\n"

    static let twinTests = #"""
        import Kernel
        import Testing
        import Twin__TYPE__
        import TwinKit
        import Wire

        @Suite("__NAME__'s twin") struct __TYPE__TwinTests {
            @Test("TODO: the vendor's documented samples, each with its source") func samples() throws {
                let journal = TwinJournal(inMemory: [])
                let twin = try __TYPE__Twin(journal: journal)
                #expect(twin.respond(HTTPRequest(.get, "/"), at: Timestamp(seconds: 0)).status != 501, "the twin says nothing yet")
            }
        }
        """# + "\n"

    static let specimen = """
        {
         "account": "acme",
         "answers": [{"status": 200, "body": {"name": "TODO: the vendor's documented answers"}}],
         "errors": []
        }
        """ + "\n"

    static let page = """
        # __NAME__

        Connector id `__ID__`; role: __ROLE__. TODO: what it reads and writes, by which API, version 1.

        ## Connecting

        | part | what it is |
        |---|---|
        | `access_token` | TODO |

        ## Limits

        | fact | source |
        |---|---|
        | TODO | TODO |

        ## Known gaps

        - Nothing is written yet.
        """ + "\n"
}
