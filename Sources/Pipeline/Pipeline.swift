internal import Books
public import ConnectorKit
public import Courier
internal import Crypto
public import Kernel
internal import Mapping
internal import Postgres
public import Store
public import Telemetry
internal import Wire

/// The seven steps of one tenant, at work under one lease. Each step is a folder: an entry that moves rows, and a pure core.
public struct Pipeline: Sendable {
    public let tenant: TenantID
    public let epoch: Int64
    public let store: Store
    public let courier: Courier
    /// Connectors by platform id.
    public let connectors: [String: any Connector]
    public let clocks: any Clocks
    public let random: any RandomSource
    public let log: Log
    public let metrics: Metrics
    /// Seals raw bodies for the tenant, `(bytes, context)`.
    let seal: @Sendable ([UInt8], [UInt8]) throws(Fault) -> [UInt8]
    let open: @Sendable ([UInt8], [UInt8]) throws(Fault) -> [UInt8]

    public init(
        tenant: TenantID, epoch: Int64, store: Store, courier: Courier, connectors: [String: any Connector], clocks: any Clocks, random: any RandomSource,
        log: Log, metrics: Metrics, seal: @escaping @Sendable ([UInt8], [UInt8]) throws(Fault) -> [UInt8],
        open: @escaping @Sendable ([UInt8], [UInt8]) throws(Fault) -> [UInt8]
    ) {
        self.tenant = tenant
        self.epoch = epoch
        self.store = store
        self.courier = courier
        self.connectors = connectors
        self.clocks = clocks
        self.random = random
        self.log = log
        self.metrics = metrics
        self.seal = seal
        self.open = open
    }

    /// What a job leaves behind.
    public enum Result: Sendable, Equatable {
        case done
        /// More of the same is due after this long.
        case again(Duration)
    }

    /// Runs one job. Settles nothing about the job's own row: that is the worker's.
    /// - Throws: the fault that stopped it; its disposition says what to do with the job.
    public func run(_ job: Job, in setup: Setup) async throws(Fault) -> Result {
        switch job.kind {
        case .sweep: try await sweep(try setup.connection(job.subject), in: setup)
        case .fetch: try await fetch(job.subject, in: setup)
        case .normalize: try await normalize(try setup.connection(job.subject), in: setup)
        case .map: try await mapAndClear(try setup.flow(job.subject), in: setup)
        case .post: try await post(try setup.flow(job.subject), in: setup)
        case .confirm: try await confirm(try setup.flow(job.subject), in: setup)
        case .reconcile:
            if let connection = Pipeline.figuresSubject(job.subject) {
                try await readFigures(try setup.connection(connection), in: setup)
            } else {
                try await reconcile(try setup.flow(job.subject), in: setup)
            }
        case .chart: try await readChart(try setup.connection(job.subject), in: setup)
        case .identify: try await identify(try setup.connection(job.subject), in: setup)
        case .look: try await look(try setup.connection(job.subject), in: setup)
        case .changes: try await changes(try setup.connection(job.subject), in: setup)
        case .attach: try await attach(try setup.flow(job.subject), in: setup)
        case .reflect: try await reflect(try setup.flow(job.subject), in: setup)
        case .consent: try await consent(job.subject, in: setup)
        }
    }

    func source(_ connection: CourierConnection) throws(Fault) -> any SourceConnector {
        guard let found = connectors[connection.row.platform] as? any SourceConnector else { throw noConnector(connection.row.platform, "source") }
        return found
    }

    func ledger(_ connection: CourierConnection) throws(Fault) -> any LedgerConnector {
        guard let found = connectors[connection.row.platform] as? any LedgerConnector else { throw noConnector(connection.row.platform, "ledger") }
        return found
    }

    private func noConnector(_ platform: String, _ role: String) -> Fault {
        Fault("no_connector", stage: .worker, disposition: .hold, summary: "there is no \(role) connector for the platform '\(platform)'",
            remedy: "Run `counterfoil connector list` for the platforms there are.")
    }

    /// An exchange's result, or the fault that stopped a read. `canWait`: posting does not need it, so it leaves the last of a long budget to what does.
    func read<Output: Sendable>(
        _ exchange: Exchange<Output>, _ connector: any Connector, _ connection: CourierConnection, canWait: Bool = false,
        borrowed: Credential? = nil
    ) async throws(Fault) -> Output {
        switch await courier.run(exchange, connector: connector, connection: connection, canWait: canWait, borrowed: borrowed) {
        case .done(let output): return output
        case .refused(let fault), .duplicate(let fault), .unknown(let fault): throw fault
        }
    }

    /// A flow's identity for one ledger document.
    static func key(_ tenant: TenantID, _ flow: FlowID, subject: String, form: PostingForm, generation: Int = 0) -> PostKey {
        let text = "\(tenant)\u{1f}\(flow)\u{1f}\(subject)\u{1f}\(form.rawValue)\u{1f}\(generation)"
        guard let key = PostKey(base32Text(Digest.sha256(Array(text.utf8)), characters: 16)) else {
            preconditionFailure("a digest always makes a posting key")
        }
        return key
    }
}
