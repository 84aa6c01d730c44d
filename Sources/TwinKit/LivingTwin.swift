public import Kernel
public import Wire

/// A twin in whose world things happen without anybody asking its API: customers pay, a bookkeeper changes a document by hand. It tells of that by
/// webhook, as the vendor does.
public protocol LivingTwin: Twin {
    /// Lets something happen in the platform's world, in the twin's own words (`{"do": "pays", …}`); everything that follows from it is there, and
    /// in the journal, when this returns.
    /// - Returns: the ids of what came of it.
    /// - Throws: `happening_refused` with the position of what is wrong.
    func happen(_ happening: JSON, at now: Timestamp) throws(Fault) -> JSON

    /// Webhooks that are due, oldest first, at most `most`, signed for `now`. What was taken is not given again before it is settled.
    func takeWebhooks(at now: Timestamp, most: Int) -> [DueWebhook]

    /// How the sending of a taken webhook ended: the receiver's status, `nil` where it gave no whole answer. The twin decides, as the vendor
    /// does, whether that was an acknowledgement and when it tries again.
    func settleWebhook(_ id: String, status: Int?, at now: Timestamp)

    /// When the next webhook that nobody has taken is due; `nil` where none waits.
    func nextWebhook() -> Timestamp?
}

/// A webhook on its way out.
public struct DueWebhook: Sendable {
    /// One for each attempt's delivery; given back when it is settled.
    public var id: String
    /// To the receiver's absolute URL.
    public var request: HTTPRequest

    public init(id: String, request: HTTPRequest) {
        self.id = id
        self.request = request
    }
}

/// Why what was said of a twin's world can't happen.
public enum Happening {
    public static func refused(_ summary: String, _ position: String) -> Fault {
        Fault(
            "happening_refused", stage: .sandbox, disposition: .reject, summary: summary,
            remedy: "Say what happens, and to what, as the sandbox's documentation lists it.", position: position)
    }

    /// An address that webhooks can be sent to: vendors want TLS, but for this machine itself, where a rehearsal's intake is.
    public static func isAddress(_ url: String) -> Bool {
        guard let host = NetworkWebhookSender.host(of: url) else { return false }
        return url.hasPrefix("https://") || host.hasPrefix("127.") || host.hasPrefix("localhost:") || host.hasPrefix("[::1]")
    }
}
