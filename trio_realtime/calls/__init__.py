"""Calls by phone and from browsers: the OpenAI Realtime Calls API, its webhooks, WebRTC offers.

Exports the clients of `models.openai.rest`, and adds the two modules that need agents:
`session_payload` and `sip_model`. ``docs/howto/sip`` tells how the pieces go together.
Needs the ``[sip]`` extra, except for the webhooks.
"""

from ..models.openai.rest.call import Call as Call
from ..models.openai.rest.client import OpenAIRestClient as OpenAIRestClient
from ..models.openai.rest.webhooks import IncomingCall as IncomingCall
from ..models.openai.rest.webhooks import WebhookVerifier as WebhookVerifier
from ..models.openai.rest.webhooks import parse_incoming_call as parse_incoming_call
from ..models.openai.rest.webhooks import sign_webhook as sign_webhook
from ..models.openai.rest.webhooks import verify_webhook as verify_webhook
from ..models.openai.rest.webrtc import ClientSecret as ClientSecret
from ..models.openai.rest.webrtc import RelayedCall as RelayedCall
from ..models.openai.rest.webrtc import create_client_secret as create_client_secret
from ..models.openai.rest.webrtc import relay_offer as relay_offer
from .session_payload import initial_session_payload as initial_session_payload
from .sip_model import OpenAIRealtimeSIPModel as OpenAIRealtimeSIPModel
