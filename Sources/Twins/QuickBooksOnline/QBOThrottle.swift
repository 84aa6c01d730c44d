internal import Kernel

/// The vendor's limits on calls.
/// - Source: QuickBooks Online docs, "API call limits and throttles".
public struct QuickBooksOnlineLimits: Sendable {
    /// Requests a minute for the company.
    public var perMinute: Int
    /// Requests a second for the company and app.
    public var perSecond: Int
    /// Batch requests a minute for the company and app.
    public var batchesPerMinute: Int
    /// Items in one batch.
    public var batchItems: Int
    /// Reads, queries and change feeds in one calendar month ("CorePlus" calls of the free tier); writes are not counted.
    public var readsPerMonth: Int
    /// Bytes of one request to the upload endpoint.
    public var uploadBytes: Int

    public init(
        perMinute: Int = 500, perSecond: Int = 10, batchesPerMinute: Int = 40, batchItems: Int = 30, readsPerMonth: Int = 500_000,
        uploadBytes: Int = 100_000_000
    ) {
        self.perMinute = perMinute
        self.perSecond = perSecond
        self.batchesPerMinute = batchesPerMinute
        self.batchItems = batchItems
        self.readsPerMonth = readsPerMonth
        self.uploadBytes = uploadBytes
    }

    /// No limits on calls, for runs that measure something else.
    public static let none = QuickBooksOnlineLimits(perMinute: .max, perSecond: .max, batchesPerMinute: .max, readsPerMonth: .max)
}

/// Counts calls in sliding windows. Not journalled: a restart forgives, as a minute's wait does.
struct QBOThrottle: Sendable {
    private var calls: [Int64] = []
    private var batches: [Int64] = []

    /// Whether one more call fits now; counts it if so.
    mutating func admit(isBatch: Bool, at now: Timestamp, _ limits: QuickBooksOnlineLimits) -> Bool {
        guard limits.perMinute < .max else { return true }
        let minuteAgo = now.microseconds - 60_000_000
        let secondAgo = now.microseconds - 1_000_000
        calls.removeAll { $0 <= minuteAgo }
        batches.removeAll { $0 <= minuteAgo }
        guard calls.count < limits.perMinute else { return false }
        guard calls.reversed().prefix(while: { $0 > secondAgo }).count < limits.perSecond else { return false }
        guard !isBatch || batches.count < limits.batchesPerMinute else { return false }
        calls.append(now.microseconds)
        if isBatch { batches.append(now.microseconds) }
        return true
    }
}
