"""
Card answers: what a card sent, and whose card it was, by the authority's word.

Login itself verifies no certificate: the authority does, as issuer, and gives a handle for the holder that nobody
else is given.  What login adds is whom the relying party expects.

Refused: whatever the authority refuses; a card of somebody else than the person of a transaction.

Source: DESIGN 4 (steps 1, 3, 5), 5.6; the authority's contract.
"""

from dataclasses import dataclass

from kiban.identity.authority.client import AuthorityClient
from kiban.identity.authority.contract import Approval, Authentication, SignatureVerification
from kiban.identity.login import transactions
from kiban.identity.login.acting import Acting
from kiban.identity.login.clients import Clients
from kiban.identity.login.contract import ApprovalResult, CardResponse, SignResult
from kiban.identity.login.store import Request, Transaction
from kiban.identity.login.subjects import Subjects
from kiban.shared.exchanges import Shape
from kiban.shared.mandates import MandateLine


class Told(Shape):
    """What the authority lets a member know of whoever logged in."""

    token: str | None
    mandates: list[MandateLine] | None

    def __repr__(self) -> str:
        return "Told(…)"


NOTHING = Told(token=None, mandates=None)


@dataclass(frozen=True, slots=True)
class CardAnswer:
    """A card's verified answer; made by `CardAnswers` alone."""

    holder: str
    told: Told | None = None
    result: SignResult | ApprovalResult | None = None

    def __repr__(self) -> str:
        return "CardAnswer(…)"


@dataclass(frozen=True, slots=True)
class CardAnswers:
    """Collaborators are given."""

    authority: AuthorityClient
    clients: Clients
    subjects: Subjects
    acting: Acting
    origin: str

    async def verify(
        self, request: Request, transaction: Transaction | None, response: CardResponse
    ) -> CardAnswer:
        """The answer, if the authority believes it and it is the right person's."""
        if transaction is None:
            return await self._authenticated(request, response)
        if transaction.kind == "sign":
            signing = transactions.read_sign(transaction)
            answer, subject = await self._signed(signing.digest, response), signing.subject
        else:
            approval = transactions.read_approval(transaction)
            terms = transactions.terms(approval)
            reply = await self.authority.approve(
                Approval(
                    certificate=response.certificate,
                    terms=terms,
                    challenge=request.challenge,
                    signature=response.signature,
                    bearer=approval.bearer,
                    parties=approval.parties,
                    mandate=approval.mandate,
                )
            )
            answer = CardAnswer(reply.holder, result=ApprovalResult(tokens=reply.tokens))
            subject = approval.subject
        sector = self.clients.find(transaction.client).sector
        self.subjects.check(answer.holder, subject, sector=sector)
        return answer

    async def _authenticated(self, request: Request, response: CardResponse) -> CardAnswer:
        client = None if request.client is None else self.clients.find(request.client)
        scope = request.scope.split()
        reply = await self.authority.verify_authentication(
            Authentication(
                certificate=response.certificate,
                challenge=request.challenge,
                audience=self.origin,
                signature=response.signature,
                bearer=client.member if client and "pseudonym" in scope else None,
            )
        )
        mandates = None
        if client and "mandates" in scope:
            mandates = await self.acting.list(reply.holder, client)
        return CardAnswer(reply.holder, told=Told(token=reply.token, mandates=mandates))

    async def _signed(self, digest: str, response: CardResponse) -> CardAnswer:
        reply = await self.authority.verify_signature(
            SignatureVerification(
                certificate=response.certificate, digest=digest, signature=response.signature
            )
        )
        result = SignResult(certificate=response.certificate, signature=response.signature)
        return CardAnswer(reply.holder, result=result)
